//! One deadline for a chain of servers.

use anyhow::Result;
use tokio::time::{Duration, Instant};
use tonic::Code;

use super::stage::{Stage, client, failure, get, movie, told};

const TIMEOUT: Duration = Duration::from_secs(2);
/// What a call within another has less at the most, and how soon that may be seen.
const MARGIN: Duration = Duration::from_millis(20);
/// How much later than its deadline a call may end on a busy machine.
const LATE: Duration = Duration::from_millis(500);

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &["--movies-work", "5s"]).await?.to_string();
    chain(stage, "middle", &["--movies-middle", &server, "--movies-work", "5s"]).await?;
    stage.check(stage.hears("middle", "Is Canceled").await, "the middle stops working")?;
    stage.check(stage.count("server", "GetMovie") == 0, "the server is never called")?;

    chain(stage, "middle 2", &["--movies-middle", &server, "--movies-work", "1s"]).await?;
    stage.check(stage.hears("server", "Is Canceled").await, "the server stops working")?;
    let [middle, server] = ["middle 2", "server"].map(|who| budget(stage, who));
    stage.check(
        server < middle && middle < TIMEOUT.as_secs_f64(),
        &format!("each has less than the one before: {TIMEOUT:?}, {middle} s, {server} s"),
    )?;
    stage.check(server < 1.0, "the server was told what the work of the middle had left")
}

/// Calls through a middle, with a deadline that is too short for it.
async fn chain(stage: &mut Stage, name: &str, options: &[&str]) -> Result<()> {
    let middle = stage.movies(name, options).await?;
    let mut client = client(middle)?;
    let mut request = get(1);
    request.set_timeout(TIMEOUT);
    stage.say("client", "GetMovie, 2.000 s left");
    let begin = Instant::now();
    let answer = movie(&mut client, request).await;
    let took = begin.elapsed();
    stage.say("client", &told(&answer));
    // A call within another has a little less time than that one, so that its answer, this error, comes while there is still time.
    let in_time = (TIMEOUT - MARGIN..TIMEOUT + LATE).contains(&took);
    let status = failure(answer)?;
    stage.check(
        status.code() == Code::DeadlineExceeded && in_time,
        "the call ends in DEADLINE_EXCEEDED at 2 s",
    )
}

/// The seconds that somebody said were left when a call came.
fn budget(stage: &Stage, who: &str) -> f64 {
    let said = stage.said(who, "GetMovie, ");
    let left = said.as_deref().and_then(|text| text.strip_suffix(" s left")?.parse().ok());
    left.unwrap_or(f64::INFINITY)
}
