//! Which calls are worth another attempt.

use anyhow::Result;
use tokio::time::{Duration, Instant};
use tonic::{Code, Request};
use wayside_chassis::{Attempts, NotIdempotent};
use wayside_proto::movies::v1::GetMovieRequest;

use super::stage::{Client, Stage, builder, client_of, failure, get, movie, told};

/// As any gRPC client reads it. Nothing but UNAVAILABLE is worth another attempt, after 0.1 s, 0.2 s, 0.4 s, each give or take 20 %.
const RETRY: &str = r#"{
    "methodConfig": [{
        "name": [{ "service": "movies.v1.MoviesService", "method": "GetMovie" }],
        "retryPolicy": {
            "maxAttempts": 5,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }]
}"#;

/// The least that three pauses take together: a call that is retried until there are no attempts left takes longer, one that fails at once much less.
const PAUSES: Duration = Duration::from_millis(560);

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &["--movies-faulty", "first:3"]).await?;
    let mut client = client_of(builder(server)?.service_config_json(RETRY)?)?;
    let begin = Instant::now();
    let answer = client.get_movie(get(1)).await?;
    let attempts = answer.extensions().get::<Attempts>().copied().unwrap_or_default();
    stage.say("client", &told(&Ok(answer.into_inner().movie)));
    stage.check(
        attempts.retries == 3 && stage.count("server", "GetMovie, Attempt # 3") == 1,
        "success on \"Attempt # 3\", after three failures that the caller has not seen",
    )?;
    stage.check(begin.elapsed() >= PAUSES, "the pauses between attempts grow")?;

    stage.say("client", "a movie that is not there will not be there the next time either:");
    once(stage, &mut client, "server", get(99), Code::NotFound).await?;

    stage.say("client", "a call that must not be made twice:");
    let faulty = stage.movies("faulty", &["--movies-faulty", "always"]).await?;
    let mut client = client_of(builder(faulty)?.service_config_json(RETRY)?)?;
    let mut request = get(1);
    request.extensions_mut().insert(NotIdempotent);
    once(stage, &mut client, "faulty", request, Code::Unavailable).await
}

/// Makes a call that should fail with this code at the first attempt, and at once.
async fn once(
    stage: &Stage,
    client: &mut Client,
    server: &str,
    request: Request<GetMovieRequest>,
    code: Code,
) -> Result<()> {
    let (before, begin) = (stage.count(server, "GetMovie"), Instant::now());
    let answer = movie(client, request).await;
    let took = begin.elapsed();
    stage.say("client", &format!("{} in {:.1} ms", told(&answer), took.as_secs_f64() * 1e3));
    let status = failure(answer)?;
    let attempts = stage.count(server, "GetMovie") - before;
    stage.check(
        (status.code(), attempts) == (code, 1) && took < PAUSES,
        "one attempt, and the error at once",
    )
}
