//! A call and its answer.

use anyhow::Result;
use tonic::Code;

use super::stage::{Stage, client, failure, get, movie, told};

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &[]).await?;
    let mut client = client(server)?;

    let answer = movie(&mut client, get(1)).await;
    stage.say("client", &told(&answer));
    let name = answer?.unwrap_or_default().movie_name;
    stage.check(name == "The Hateful Eight", "movie 1 is The Hateful Eight")?;

    let answer = movie(&mut client, get(99)).await;
    stage.say("client", &told(&answer));
    let status = failure(answer)?;
    let expected = (Code::NotFound, "Movie not found");
    stage.check(
        (status.code(), status.message()) == expected,
        "there is no movie 99, and the code says so",
    )
}
