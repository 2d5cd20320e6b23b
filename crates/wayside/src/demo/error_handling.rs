//! Errors with a type.

use anyhow::{Context, Result};
use movies::movie_error;
use tonic::Code;
use wayside_proto::movies::v1::MovieErrorCode;

use super::stage::{Stage, client, failure, get, movie, told};

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &[]).await?;
    let mut client = client(server)?;

    for (mid, code, reason) in [
        (99, Code::NotFound, MovieErrorCode::MovieNotFound),
        (0, Code::InvalidArgument, MovieErrorCode::InvalidMovie),
    ] {
        let answer = movie(&mut client, get(mid)).await;
        stage.say("client", &told(&answer));
        let status = failure(answer)?;
        let error =
            movie_error(&status).context("not as expected: the status has no MovieError")?;
        let text = format!("{} {:?}", error.reason().as_str_name(), error.message);
        stage.say("client", &format!("Received type safe error: {text}"));
        stage.check(
            (status.code(), error.reason()) == (code, reason),
            "a program can tell what is wrong from the reason alone",
        )?;
    }
    Ok(())
}
