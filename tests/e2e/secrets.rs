//! What servers print while tokens go through them in every way there is: no token.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use accounts::Accounts;
use cache::Cache;
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

use crate::support::Running;

const ADMIN: &str = "admin-secret-0123456789abcdef0123456789abcdef";
const WRONG: &str = "wrong-secret-0123456789abcdef0123456789abcdef";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Printed {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn with<T>(message: T, token: &str) -> Request<T> {
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
            val: b"val".to_vec(),
            account_token: account_token.to_owned(),
        };
        let good = token == first;
        assert_eq!(cache.store(with(store(""), token)).await.is_ok(), good);
        assert_eq!(cache.store(store(token)).await.is_ok(), good);
        let get = GetRequest { key: "key".to_owned() };
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
    let printed = Printed::default();
    // What a release build can log, and all that ours log in any build.
    let filter = EnvFilter::new(
        "info,accounts=trace,cache=trace,wayside_chassis=trace,wayside_interceptors=trace,wayside_balance=trace,access=trace,remote=trace",
    );
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(printed.clone()).finish());
    let accounts = Running::start::<Accounts>(&["--accounts-admin-token", ADMIN]).await;
    let target = accounts.address.to_string();
    let cache = Running::start::<Cache>(&["--cache-accounts-target", &target]).await;
    let mut tokens = use_tokens(accounts.channel(), cache.channel()).await.unwrap();
    tokens.extend([ADMIN, WRONG].map(str::to_owned));
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    assert!(text.matches("invoke server").count() > 20, "the calls are logged: {text}");
    assert!(text.contains("invoke remote"), "{text}");
    for token in tokens {
        // A part of a token is a help to whoever guesses the rest.
        assert!(token.len() >= 20, "{token}");
        assert!(!text.contains(&token[..12]) && !text.contains(&token[token.len() - 12..]));
    }
}
