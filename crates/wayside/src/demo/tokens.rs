//! Who may call, by a signed token.

use std::collections::BTreeSet;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::time::{Duration, sleep};
use tonic::{Code, Request, Status};
use tower_layer::Layer;
use wayside_chassis::auth::{Claims, SigningKey, mint};
use wayside_chassis::client_auth::{AuthLayer, Token};
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};
use wayside_chassis::outgoing;
use wayside_proto::movies::v1::GetMovieRequest;
use wayside_proto::movies::v1::movies_service_client::MoviesServiceClient;

use super::stage::{Stage, builder, client, get, movie, told};

/// What a caller has to be to be answered.
const ROLE: &str = "viewer";
/// How long a token is valid that is to expire. Tokens count whole seconds, and the one in which they are made is the first.
const SHORT: Duration = Duration::from_secs(2);

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let issuer = SigningKey::generate()?;
    let directory = tempfile::tempdir()?;
    let keys = directory.path().join("jwks.json");
    tokio::fs::write(&keys, issuer.public_jwks()).await?;
    let keys = keys.to_str().context("the directory for temporary files has no name in UTF-8")?;

    let options = ["--movies-require-role", ROLE, "--jwt-keys", keys];
    let server = stage.movies("server", &options).await?;
    told_apart(stage, server, &issuer).await?;

    let next = server.to_string();
    let options = ["--movies-require-token", "--jwt-keys", keys, "--movies-middle", &next];
    let middle = stage.movies("middle", &options).await?;
    let before = stage.count("server", "GetMovie");
    let answer = movie(&mut client(middle)?, with(&mint(&issuer, &ann())?)?).await;
    stage.say("client", &told(&answer));
    stage.check(
        answer.is_ok() && stage.count("server", "GetMovie") == before + 1,
        "a token that the middle has checked goes on to the server",
    )?;

    renewed(stage, server, issuer).await
}

/// Brings all kinds of tokens, of which one is good.
async fn told_apart(stage: &Stage, server: SocketAddr, issuer: &SigningKey) -> Result<()> {
    let mut client = client(server)?;
    let bob = Claims::new(DEFAULT_ISSUER, "bob", [DEFAULT_AUDIENCE]).roles(["cook"]);
    let elsewhere = Claims::new(DEFAULT_ISSUER, "ann", ["another"]).roles([ROLE]);
    let (anns, bobs) = (mint(issuer, &ann())?, mint(issuer, &bob)?);
    let mut refusals = BTreeSet::new();
    for (what, request, expected) in [
        ("no token", get(1), Code::Unauthenticated),
        (
            "one that is signed by somebody else",
            with(&mint(&SigningKey::generate()?, &ann())?)?,
            Code::Unauthenticated,
        ),
        (
            "Bob's, altered to say what Ann's says",
            with(&altered(&bobs, &anns)?)?,
            Code::Unauthenticated,
        ),
        (
            "one that is for another server",
            with(&mint(issuer, &elsewhere)?)?,
            Code::Unauthenticated,
        ),
        (
            "one that has expired",
            with(&mint(issuer, &ann().lifetime(Duration::ZERO))?)?,
            Code::Unauthenticated,
        ),
        ("the token of Bob, who is a cook", with(&bobs)?, Code::PermissionDenied),
        ("the token of Ann, who is a viewer", with(&anns)?, Code::Ok),
    ] {
        stage.say("client", &format!("GetMovie with {what}"));
        let answer = movie(&mut client, request).await;
        stage.say("client", &told(&answer));
        let status = answer.err().unwrap_or_else(|| Status::ok(""));
        let check = match expected {
            Code::Unauthenticated => "it is not known who that is",
            Code::PermissionDenied => "it is known who that is, and it is not for them",
            _ => "this one is answered",
        };
        stage.check(status.code() == expected, check)?;
        if expected == Code::Unauthenticated {
            refusals.insert(status.message().to_owned());
        }
    }
    stage.check(
        stage.count("server", "GetMovie") == 1,
        "no other call came as far as the handler",
    )?;
    stage.check(
        refusals.len() == 1,
        "why a token is not good is for the server's log, not for its caller",
    )
}

/// Has a client fetch tokens by itself, which do not last.
async fn renewed(stage: &Stage, server: SocketAddr, issuer: SigningKey) -> Result<()> {
    let fetched = Arc::new(AtomicUsize::new(0));
    let counter = fetched.clone();
    let source = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let token = mint(&issuer, &ann().lifetime(SHORT)).map_err(internal);
        // With its lifetime, the client would renew it in time; so it has to learn of its end from the server.
        ready(token.and_then(|token| Token::new(&token, None).map_err(internal)))
    };
    // Nobody can listen on the way to a server in the same process.
    let tokens = AuthLayer::new(source).allow_unencrypted();
    let mut client = MoviesServiceClient::new(tokens.layer(outgoing(builder(server)?.build()?)));

    for (pause, when, fetches, check) in [
        (Duration::ZERO, "that it has just fetched", 1, "one token was fetched"),
        (
            SHORT,
            "that it has; the token has expired",
            2,
            "a new token was fetched, and the caller has noticed nothing",
        ),
    ] {
        sleep(pause).await;
        stage.say("client", &format!("GetMovie with the token {when}"));
        let answer = client.get_movie(get(1)).await.map(|answer| answer.into_inner().movie);
        stage.say("client", &told(&answer));
        let as_expected = answer.is_ok() && fetched.load(Ordering::Relaxed) == fetches;
        stage.check(as_expected, check)?;
    }
    Ok(())
}

/// What is said of somebody who may call.
fn ann() -> Claims {
    Claims::new(DEFAULT_ISSUER, "ann", [DEFAULT_AUDIENCE]).roles([ROLE])
}

/// A token with the claims of another one.
fn altered(token: &str, claims_of: &str) -> Result<String> {
    let parts = |token| <[&str; 3]>::try_from(str::split(token, '.').collect::<Vec<_>>()).ok();
    let [head, _, signature] = parts(token).context("a token has three parts")?;
    let [_, claims, _] = parts(claims_of).context("a token has three parts")?;
    Ok([head, claims, signature].join("."))
}

/// A request for a movie that brings a token.
fn with(token: &str) -> Result<Request<GetMovieRequest>> {
    let mut authorization: tonic::metadata::MetadataValue<_> = format!("Bearer {token}").parse()?;
    authorization.set_sensitive(true);
    let mut request = get(1);
    request.metadata_mut().insert("authorization", authorization);
    Ok(request)
}

fn internal(error: impl std::error::Error) -> Status {
    Status::internal(error.to_string())
}
