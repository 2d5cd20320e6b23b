//! `--movies-require-token` and `--movies-require-role`, and what a middle does with the credentials of its callers.

use std::time::Duration;

use tempfile::TempDir;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wayside_chassis::auth::{Claims, SigningKey, mint};
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};

use crate::stand_in::{Manner, stand_in};
use crate::support::{Client, all, channel, client, get, movies, prepared, query};

/// Whoever makes tokens, and the file with its public key.
struct Issuer {
    key: SigningKey,
    directory: TempDir,
}

impl Issuer {
    fn new() -> Self {
        let issuer =
            Self { key: SigningKey::generate().unwrap(), directory: tempfile::tempdir().unwrap() };
        std::fs::write(issuer.keys(), issuer.key.public_jwks()).unwrap();
        issuer
    }

    /// The value of `--jwt-keys`.
    fn keys(&self) -> String {
        self.directory.path().join("keys.json").to_str().unwrap().to_owned()
    }

    /// An `authorization` that is good for so many seconds.
    fn authorization(&self, seconds: u64) -> String {
        self.sign(claims().lifetime(Duration::from_secs(seconds)))
    }

    fn sign(&self, claims: Claims) -> String {
        format!("Bearer {}", mint(&self.key, &claims).unwrap())
    }
}

fn claims() -> Claims {
    Claims::new(DEFAULT_ISSUER, "gopher", [DEFAULT_AUDIENCE])
}

fn with<T>(authorization: Option<&str>, mut request: Request<T>) -> Request<T> {
    if let Some(value) = authorization {
        request.metadata_mut().insert("authorization", value.parse().unwrap());
    }
    request
}

/// What both methods answer.
async fn answers(client: &mut Client, authorization: Option<&str>) -> [Status; 2] {
    let lookup = client.get_movie(with(authorization, get(1))).await.map(drop);
    let stream = match client.query_movies(with(authorization, query("and"))).await {
        Ok(movies) => all(movies.into_inner()).await.1.map_or(Ok(()), Err),
        Err(status) => Err(status),
    };
    [lookup, stream].map(|answer| answer.err().unwrap_or_else(|| Status::ok("")))
}

#[tokio::test]
async fn only_callers_with_a_valid_token_are_answered_and_health_answers_everybody() {
    let issuer = Issuer::new();
    let address = movies(&["--movies-require-token", "--jwt-keys", &issuer.keys()]).await;
    let mut client = client(&address);
    let expired = issuer.authorization(0);
    let forged = Issuer::new().authorization(3600);
    for authorization in [None, Some(&*expired), Some(&*forged), Some("Bearer nonsense")] {
        for status in answers(&mut client, authorization).await {
            assert_eq!(
                (status.code(), status.message()),
                (Code::Unauthenticated, "the call needs a valid token"),
                "{authorization:?}"
            );
        }
        for service in ["", "movies.v1.MoviesService"] {
            let request = Request::new(HealthCheckRequest { service: service.to_owned() });
            let mut health = HealthClient::new(channel(&address));
            let answer = health.check(with(authorization, request)).await.unwrap();
            assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
        }
    }
    for status in answers(&mut client, Some(&issuer.authorization(3600))).await {
        assert_eq!(status.code(), Code::Ok, "{status}");
    }
}

#[tokio::test]
async fn only_callers_with_one_of_the_roles_are_answered() {
    let issuer = Issuer::new();
    let options = ["--movies-require-role", "viewer,admin", "--jwt-keys", &issuer.keys()];
    let mut client = client(&movies(&options).await);
    for (roles, expected) in [
        (&[][..], Code::PermissionDenied),
        (&["view"], Code::PermissionDenied),
        (&["viewer"], Code::Ok),
        (&["cook", "admin"], Code::Ok),
    ] {
        let authorization = issuer.sign(claims().roles(roles.iter().copied()));
        for status in answers(&mut client, Some(&authorization)).await {
            assert_eq!(status.code(), expected, "{roles:?}");
        }
    }
    for status in answers(&mut client, None).await {
        assert_eq!(status.code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_server_that_is_to_require_tokens_does_not_start_without_keys() {
    for options in [&["--movies-require-token"][..], &["--movies-require-role", "viewer"]] {
        let error = prepared(options).await.unwrap_err().to_string();
        assert!(error.contains("movies") && error.contains("--jwt-keys"), "{error}");
    }
}

#[tokio::test]
async fn keys_alone_require_no_token() {
    let mut client = client(&movies(&["--jwt-keys", &Issuer::new().keys()]).await);
    for status in answers(&mut client, None).await {
        assert_eq!(status.code(), Code::Ok, "{status}");
    }
}

/// The credentials that the next server sees of a caller of a middle: `authorization` and cookies.
async fn passed_on(authorization: &str, options: &[&str]) -> Vec<[Option<String>; 2]> {
    let (next, mut events) = stand_in(Manner::Answer).await;
    let options = [&["--movies-middle", &next], options].concat();
    let mut client = client(&movies(&options).await);
    let (mut lookup, mut stream) = (get(1), query(""));
    for metadata in [lookup.metadata_mut(), stream.metadata_mut()] {
        metadata.insert("cookie", "session=secret".parse().unwrap());
        metadata.insert("proxy-authorization", "Basic secret".parse().unwrap());
        metadata.insert("key", "value".parse().unwrap());
    }
    client.get_movie(with(Some(authorization), lookup)).await.unwrap();
    client.query_movies(with(Some(authorization), stream)).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let metadata = events.called().await;
        assert_eq!(metadata.get("key").unwrap(), "value", "what is no credential is passed on");
        assert_eq!(metadata.get("proxy-authorization"), None);
        let value = |name| metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
        seen.push([value("authorization"), value("cookie")]);
    }
    seen
}

#[tokio::test]
async fn a_middle_passes_on_a_token_that_it_has_checked_and_no_other_credential() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let token = issuer.authorization(3600);
    let seen = passed_on(&token, &["--movies-require-token", "--jwt-keys", &keys]).await;
    assert_eq!(seen, [[Some(token.clone()), None], [Some(token.clone()), None]]);
    for options in [&[][..], &["--jwt-keys", &keys]] {
        assert_eq!(passed_on(&token, options).await, [[None, None], [None, None]], "{options:?}");
    }
}
