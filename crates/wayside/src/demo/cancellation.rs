//! A client that loses interest.

use anyhow::{Result, bail};
use tokio::time::{Duration, sleep};

use super::stage::{Stage, client, get, movie, told};

/// When the client has waited long enough.
const PATIENCE: Duration = Duration::from_secs(2);
/// When the middle would have called the server, and a moment for the call to arrive.
const WORK_WOULD_BE_DONE: Duration = Duration::from_millis(3300);

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &[]).await?.to_string();
    let options = ["--movies-middle", &server, "--movies-work", "5s"];
    let middle = stage.movies("middle", &options).await?;
    let mut client = client(middle)?;

    let patience = async {
        sleep(PATIENCE).await;
        stage.say("client", "Canceling");
    };
    // What loses the race is dropped, and a call that is dropped is cancelled: it needs no handle of its own.
    tokio::select! {
        answer = movie(&mut client, get(1)) => bail!("not as expected: {}", told(&answer)),
        () = patience => {}
    }
    stage.check(stage.hears("middle", "Is Canceled").await, "the middle gets to know at once")?;
    sleep(WORK_WOULD_BE_DONE).await;
    stage.check(
        stage.count("server", "GetMovie") == 0,
        "5 s are over, and the middle has not called the server",
    )
}
