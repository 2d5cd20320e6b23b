//! One request, many answers.

use anyhow::{Context, Result};
use tokio::time::{Duration, Instant};
use wayside_proto::movies::v1::QueryMoviesRequest;

use super::stage::{Stage, client, told};

/// What the server needs for a movie; `--movies-work` below says the same.
const WORK: Duration = Duration::from_millis(400);

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &["--movies-work", "400ms"]).await?;
    let mut client = client(server)?;
    let query = QueryMoviesRequest { query: "and".to_owned() };

    stage.say("client", "which movies have \"and\" in them?");
    let mut movies = client.query_movies(query.clone()).await?.into_inner();
    let mut came = Vec::new();
    while let Some(found) = movies.message().await? {
        stage.say("client", &told(&Ok(found.movie)));
        came.push(Instant::now());
    }
    stage.say("client", "that was all");
    stage.check(came.len() == 3, "three movies match")?;
    let (first, last) = (came.first().context("none")?, came.last().context("none")?);
    stage.check(
        *last - *first > WORK,
        "the first one came while the server was still looking for the others",
    )?;

    let mut movies = client.query_movies(query).await?.into_inner();
    let first = movies.message().await?.and_then(|found| found.movie);
    stage.say("client", &format!("{}: enough", told(&Ok(first))));
    // Dropping the stream resets it: the server stops looking.
    drop(movies);
    Ok(())
}
