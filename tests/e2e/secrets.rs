//! What servers print while tokens go through them in every way there is: no token. And that one would be found, in what any server prints that a test starts.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use accounts::Accounts;
use cache::Cache;
use e2e::Printed;
use tokio::process::Command;
use tonic::{Request, Status};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use wayside_balance::Channel;
use wayside_proto::accounts::v1::accounts_service_client::AccountsServiceClient;
use wayside_proto::accounts::v1::{
    CreateAccountRequest, GetByTokenRequest, ListAccountsRequest, RotateTokenRequest,
};
use wayside_proto::cache::v1::cache_service_client::CacheServiceClient;
use wayside_proto::cache::v1::{DumpRequest, GetRequest, StoreRequest};

use crate::support::{EVERYTHING, Running};

const ADMIN: &str = "admin-secret-0123456789abcdef0123456789abcdef";
const WRONG: &str = "wrong-secret-0123456789abcdef0123456789abcdef";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn with<T>(message: T, token: &str) -> Request<T> {
    if !token.is_empty() {
        e2e::secret(token);
    }
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Makes an account, uses its token and others in every place for them, and gives those that were made.
async fn use_tokens(accounts: Channel, cache: Channel) -> Result<Vec<String>, Status> {
    let mut accounts = AccountsServiceClient::new(accounts);
    let create = CreateAccountRequest { name: "ann".to_owned(), max_cache_keys: 10 };
    let created = accounts.create_account(with(create.clone(), ADMIN)).await?.into_inner();
    accounts.create_account(with(create, WRONG)).await.unwrap_err();
    accounts.list_accounts(with(ListAccountsRequest::default(), WRONG)).await.unwrap_err();
    let first = created.token;
    let id = created.account.unwrap_or_default().id;

    let mut cache = CacheServiceClient::new(cache);
    for token in [first.as_str(), WRONG, ""] {
        let store = |account_token: &str| StoreRequest {
            key: "key".to_owned(),
            val: b"val".to_vec().into(),
            account_token: account_token.to_owned(),
            ..StoreRequest::default()
        };
        let good = token == first;
        assert_eq!(cache.store(with(store(""), token)).await.is_ok(), good);
        assert_eq!(cache.store(store(token)).await.is_ok(), good);
        let get = GetRequest { key: "key".to_owned(), ..GetRequest::default() };
        assert_eq!(cache.get(with(get, token)).await.is_ok(), good);
        assert_eq!(cache.dump(with(DumpRequest::default(), token)).await.is_ok(), good);
        let by_token = GetByTokenRequest { token: token.to_owned() };
        assert_eq!(accounts.get_by_token(by_token).await.is_ok(), good);
    }
    let rotated = accounts.rotate_token(with(RotateTokenRequest { id }, ADMIN)).await?;
    Ok(vec![first, rotated.into_inner().token])
}

#[tokio::test]
async fn no_token_is_in_anything_that_is_logged() {
    let logged = Logged::default();
    let filter = EnvFilter::new(EVERYTHING);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(logged.clone()).finish());
    let accounts = Running::start::<Accounts>(&["--accounts-admin-token", ADMIN]).await;
    let target = accounts.address.to_string();
    let cache = Running::start::<Cache>(&["--cache-accounts-target", &target]).await;
    let mut tokens = use_tokens(accounts.channel(), cache.channel()).await.unwrap();
    tokens.extend([ADMIN, WRONG].map(str::to_owned));
    let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(text.matches("invoke server").count() > 20, "the calls are logged: {text}");
    assert!(text.contains("invoke remote"), "{text}");
    for token in tokens {
        e2e::secret(token);
    }
    e2e::assert_none("a server", text.as_bytes());
}

#[test]
fn a_secret_a_part_of_it_and_anything_like_a_jwt_is_found_and_not_shown() {
    e2e::secret("wst_Qm9vbS4gTm8gb25lIGd1ZXNzZXMgdGhpcw");
    let jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";
    for (line, shown) in [
        ("token=wst_Qm9vbS4gTm8gb25lIGd1ZXNzZXMgdGhpcw;", Some("token=***;")),
        ("\"wst_Qm9vbS4g...\"", Some("\"***\"")),
        ("..ZXNzZXMgdGhpcw, wst_Qm9vbS4g", Some("***, ***")),
        (&format!("authorization: Bearer {jwt}!"), Some("authorization: Bearer ***!")),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", Some("***")),
        ("wst_Qm9vbS4, eyJ, eyJhbGciOiJFZERTQSJ9 and eyJhbGci.eyJzdWIi", None),
        ("", None),
    ] {
        assert_eq!(e2e::masked(line).as_deref(), shown, "{line}");
    }
}

/// Starts a shell with these words, and ends as a test does.
async fn run(script: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", "--admin-token", "kept-secret-9f8e7d6c5b4a"]);
    let (mut child, printed) = Printed::by(command).unwrap();
    child.wait().await.unwrap();
    drop(printed);
}

#[tokio::test]
async fn a_process_may_say_anything_else() {
    run("echo hello; echo a token was refused >&2").await;
}

#[tokio::test]
#[should_panic = "sh has printed a secret to standard output: token ***"]
async fn a_process_that_prints_an_option_that_is_a_secret_fails_its_test() {
    run("echo hello; echo token $2").await;
}

#[tokio::test]
#[should_panic = "sh has printed a secret to standard error: Bearer ***"]
async fn a_process_that_prints_a_jwt_in_a_line_without_an_end_fails_its_test() {
    run("printf 'Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl' >&2").await;
}
