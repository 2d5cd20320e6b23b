//! Tokens of an issuer, where the server knows its keys.

use std::time::Duration;

use tempfile::TempDir;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wayside_chassis::auth::{Claims, SigningKey, mint};
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};
use wayside_proto::accounts::v1::{
    CreateAccountRequest, DeleteAccountRequest, GetByTokenRequest, ListAccountsRequest,
    RotateTokenRequest, UpdateAccountRequest,
};

use crate::support::{Client, Server, get_by_token, prepared};

const HOUR: Duration = Duration::from_secs(3600);

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

    fn token(&self, roles: &[&str], lifetime: Duration) -> String {
        self.sign(Claims::new(DEFAULT_ISSUER, "ada", [DEFAULT_AUDIENCE]), roles, lifetime)
    }

    fn sign(&self, claims: Claims, roles: &[&str], lifetime: Duration) -> String {
        mint(&self.key, &claims.roles(roles.iter().copied()).lifetime(lifetime)).unwrap()
    }

    async fn server(&self) -> Server {
        Server::start(&["--jwt-keys", &self.keys()]).await
    }
}

fn with<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        // It is the token that lets them in, not where they are.
        request.metadata_mut().insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
    }
    request
}

fn status<T>(answer: Result<Response<T>, Status>) -> Status {
    answer.map_or_else(|status| status, |_| Status::ok(""))
}

/// What the five admin methods answer, called for an account that is there.
async fn answers(client: &mut Client, token: Option<&str>, id: &str) -> [Status; 5] {
    let create = CreateAccountRequest { name: "grace".into(), max_cache_keys: 1 };
    let id = id.to_owned();
    let update = UpdateAccountRequest { id: id.clone(), name: None, max_cache_keys: Some(9) };
    [
        status(client.create_account(with(token, create)).await),
        status(client.update_account(with(token, update)).await),
        status(client.rotate_token(with(token, RotateTokenRequest { id: id.clone() })).await),
        status(client.list_accounts(with(token, ListAccountsRequest::default())).await),
        status(client.delete_account(with(token, DeleteAccountRequest { id })).await),
    ]
}

#[tokio::test]
async fn only_a_token_with_the_role_admin_administers_accounts() {
    let (issuer, stranger) = (Issuer::new(), Issuer::new());
    let server = issuer.server().await;
    let mut client = server.client();
    let admin = issuer.token(&["reader", "admin"], HOUR);
    let ada = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
    let created = client.create_account(with(Some(&admin), ada)).await.unwrap().into_inner();
    let account = created.account.unwrap();

    let claims = |issuer, audience| Claims::new(issuer, "ada", [audience]);
    let elsewhere = issuer.sign(claims(DEFAULT_ISSUER, "elsewhere"), &["admin"], HOUR);
    let impostor =
        issuer.sign(claims("https://impostor.example", DEFAULT_AUDIENCE), &["admin"], HOUR);
    for (why, token) in [
        ("no token, although the caller is on this machine", None),
        ("expired", Some(issuer.token(&["admin"], Duration::ZERO))),
        ("signed by somebody else", Some(stranger.token(&["admin"], HOUR))),
        ("for another audience", Some(elsewhere)),
        ("by another issuer", Some(impostor)),
        ("no JWT", Some("correct-horse-battery-staple".to_owned())),
        ("the token of an account", Some(created.token.clone())),
    ] {
        for status in answers(&mut client, token.as_deref(), &account.id).await {
            assert_eq!(
                (status.code(), status.message(), status.details()),
                (Code::Unauthenticated, "the call needs a valid token", &[][..]),
                "{why}: one answer for all, so that nobody learns which check failed"
            );
        }
    }
    for roles in [&[][..], &["reader"], &["Admin", "administrator"]] {
        for status in answers(&mut client, Some(&issuer.token(roles, HOUR)), &account.id).await {
            assert_eq!(
                (status.code(), status.message()),
                (Code::PermissionDenied, "the call is not allowed"),
                "{roles:?}"
            );
        }
    }
    let found = get_by_token(&mut client, &created.token).await.unwrap();
    assert_eq!(found, account, "nothing was changed");
    let codes = answers(&mut client, Some(&admin), &account.id).await.map(|status| status.code());
    assert_eq!(codes, [Code::Ok; 5]);
    server.stop().await;
}

#[tokio::test]
async fn looking_up_a_token_and_asking_for_health_need_no_jwt() {
    let issuer = Issuer::new();
    let server = issuer.server().await;
    let mut client = server.client();
    let ada = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
    let admin = issuer.token(&["admin"], HOUR);
    let token = client.create_account(with(Some(&admin), ada)).await.unwrap().into_inner().token;
    let expired = issuer.token(&["admin"], Duration::ZERO);
    for authorization in [None, Some("nonsense"), Some(&*expired)] {
        let request = GetByTokenRequest { token: token.clone() };
        let found = client.get_by_token(with(authorization, request)).await.unwrap();
        assert_eq!(found.into_inner().account.unwrap().name, "ada");
        let service = "accounts.v1.AccountsService".to_owned();
        let mut health = HealthClient::new(server.channel());
        let answer = health.check(with(authorization, HealthCheckRequest { service })).await;
        assert_eq!(answer.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_admin_may_try_what_others_may_not() {
    let issuer = Issuer::new();
    let server = issuer.server().await;
    let mut client = server.client();
    for (roles, expected) in [(&["admin"][..], Code::Ok), (&["reader"], Code::PermissionDenied)] {
        let ada = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
        let mut request = with(Some(&issuer.token(roles, HOUR)), ada);
        request.metadata_mut().insert("dry-run", "1".parse().unwrap());
        assert_eq!(status(client.create_account(request).await).code(), expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_admin_token_beside_keys_is_refused_with_the_names_of_both_options() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let options = ["--jwt-keys", &keys, "--accounts-admin-token", "correct-horse-battery-staple"];
    let error = prepared(&options).await.unwrap_err().to_string();
    assert!(error.contains("--jwt-keys") && error.contains("--accounts-admin-token"), "{error}");
    assert!(!error.contains("horse"), "{error}");
    assert!(prepared(&options[..2]).await.is_ok() && prepared(&options[2..]).await.is_ok());
}
