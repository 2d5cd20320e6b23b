//! A server on a port of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use accounts::{Accounts, AccountsArgs};
use clap::Parser;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::{Code, Response, Status};
use wayside_balance::Channel;
use wayside_chassis::{Prepared, ProcessArgs, StartError};
use wayside_proto::accounts::v1::accounts_service_client::AccountsServiceClient;
use wayside_proto::accounts::v1::{Account, CreateAccountRequest, GetByTokenRequest};

pub(crate) type Client = AccountsServiceClient<Channel>;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    accounts: AccountsArgs,
    #[command(flatten)]
    process: ProcessArgs,
}

pub(crate) struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// A server with accounts of its own.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let elsewhere = ["--accounts-data-dir", "--accounts-database-url"];
        if crate::ON_POSTGRES && !options.iter().any(|option| elsewhere.contains(option)) {
            let database = options_of(&new_database().await);
            let database = database.each_ref().map(String::as_str);
            return Self::serve(&[&database, options].concat()).await;
        }
        Self::serve(options).await
    }

    async fn serve(options: &[&str]) -> Self {
        let prepared = prepared(options).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(prepared.serve(listener, async move {
            let _ = stopped.await;
        }));
        Self { address, stop, task }
    }

    /// A server with the accounts that belong to a directory: those in it, or those of a database that is made for it.
    pub(crate) async fn on(directory: &Path) -> Self {
        static DATABASES: Mutex<BTreeMap<PathBuf, [String; 4]>> = Mutex::new(BTreeMap::new());
        if crate::ON_POSTGRES {
            let known = DATABASES.lock().unwrap().get(directory).cloned();
            let database = match known {
                Some(database) => database,
                None => options_of(&new_database().await),
            };
            DATABASES.lock().unwrap().insert(directory.to_owned(), database.clone());
            return Self::serve(&database.each_ref().map(String::as_str)).await;
        }
        Self::start(&["--accounts-data-dir", directory.to_str().unwrap()]).await
    }

    pub(crate) fn channel(&self) -> Channel {
        Channel::connect_lazy(&self.address.to_string().parse().unwrap()).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.channel())
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Makes a database in the PostgreSQL of `tests/state.sh`, and gives its URL.
pub(crate) async fn new_database() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let (url, file) = (told("WAYSIDE_TEST_POSTGRES"), told("WAYSIDE_TEST_POSTGRES_PASSWORD_FILE"));
    let password = std::fs::read_to_string(file).unwrap();
    let options = url.parse::<PgConnectOptions>().unwrap().password(password.trim());
    let pool = PgPool::connect_with(options).await.unwrap();
    let name = format!("it_{}_{number}", std::process::id());
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&pool).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// The options of a server that uses a database.
pub(crate) fn options_of(url: &str) -> [String; 4] {
    let file = told("WAYSIDE_TEST_POSTGRES_PASSWORD_FILE");
    ["--accounts-database-url", url, "--accounts-database-password-file", &file].map(str::to_owned)
}

#[expect(clippy::disallowed_methods, reason = "tests/state.sh tells tests where its servers are")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run tests/state.sh"))
}

/// A server with options as on the command line, which has no port yet.
pub(crate) async fn prepared(options: &[&str]) -> Result<Prepared, StartError> {
    let cli = Cli::parse_from(["accounts"].iter().chain(options));
    wayside_chassis::prepare::<Accounts>("accounts", cli.accounts, &cli.process).await
}

pub(crate) async fn create(
    client: &mut Client,
    name: &str,
    max_cache_keys: i64,
) -> (Account, String) {
    let request = CreateAccountRequest { name: name.to_owned(), max_cache_keys };
    let response = client.create_account(request).await.unwrap().into_inner();
    (response.account.unwrap(), response.token)
}

pub(crate) async fn get_by_token(client: &mut Client, token: &str) -> Result<Account, Status> {
    let response = client.get_by_token(GetByTokenRequest { token: token.to_owned() }).await?;
    Ok(response.into_inner().account.unwrap())
}

pub(crate) fn code<T>(result: Result<Response<T>, Status>) -> Code {
    result.map_or_else(|status| status.code(), |_| Code::Ok)
}
