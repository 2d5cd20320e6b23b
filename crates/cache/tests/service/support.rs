//! An accounts server that does as it is told, and a cache that asks it.

use std::collections::HashMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cache::{Cache, CacheArgs};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::time::{Duration, sleep};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use wayside_balance::Channel;
use wayside_chassis::{
    App, DryRunSupport, Needs, Prepared, ProcessArgs, Selector, Setup, StartError, prepare,
};
use wayside_proto::accounts::v1::accounts_service_server::{
    AccountsService, AccountsServiceServer,
};
use wayside_proto::accounts::v1::{
    Account, CreateAccountRequest, CreateAccountResponse, DeleteAccountRequest,
    DeleteAccountResponse, GetByTokenRequest, GetByTokenResponse, ListAccountsRequest,
    ListAccountsResponse, RotateTokenRequest, RotateTokenResponse, UpdateAccountRequest,
    UpdateAccountResponse,
};
use wayside_proto::cache::v1::cache_service_client::CacheServiceClient;
use wayside_proto::cache::v1::{DumpRequest, DumpResponse, RestoreRequest, StoreRequest};

/// A cache and the accounts server that it asks; both run until the test ends.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) address: SocketAddr,
    pub(crate) accounts: Arc<Accounts>,
}

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

impl System {
    /// Starts both, the cache with options. Token "ann" is of account acc_ann and token "bob" of acc_bob, with 100,000 keys each.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let accounts = Arc::<Accounts>::default();
        accounts.set("ann", account("acc_ann", 100_000));
        accounts.set("bob", account("acc_bob", 100_000));
        let args = StandInArgs { accounts: accounts.clone() };
        let accounts_address = serve::<StandIn>(args).await;
        Self { address: start_cache(&accounts_address.to_string(), options).await, accounts }
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> CacheServiceClient<Channel> {
        CacheServiceClient::new(channel(self.address))
    }

    pub(crate) async fn store(&self, token: &str, key: &str, val: &[u8]) -> Result<(), Status> {
        let message =
            StoreRequest { key: key.into(), val: val.to_vec().into(), ..StoreRequest::default() };
        self.client().store(by(token, message)).await.map(|_| ())
    }

    pub(crate) async fn dump(&self, token: &str) -> Vec<DumpResponse> {
        let mut stream =
            self.client().dump(by(token, DumpRequest::default())).await.unwrap().into_inner();
        let mut entries = Vec::new();
        while let Some(entry) = stream.message().await.unwrap() {
            entries.push(entry);
        }
        entries
    }

    pub(crate) async fn restore(
        &self,
        token: &str,
        entries: Vec<RestoreRequest>,
    ) -> Result<i64, Status> {
        let response =
            self.client().restore(by(token, futures_util::stream::iter(entries))).await?;
        Ok(response.into_inner().stored)
    }
}

/// Starts a cache that asks the accounts server at an address.
pub(crate) async fn start_cache(accounts: &str, options: &[&str]) -> SocketAddr {
    let target = ["--cache-accounts-target", accounts];
    // What is about the limit of memory is so wherever other tests keep their entries.
    let says_where = ["--cache-store", "--cache-max-bytes"];
    let elsewhere = options.iter().any(|option| says_where.contains(option));
    let redis = if crate::ON_REDIS && !elsewhere { redis_of_its_own() } else { Vec::new() };
    let redis = redis.iter().map(String::as_str).collect::<Vec<_>>();
    listen(prepared(&[&target, redis.as_slice(), options].concat()).await.unwrap()).await
}

/// A cache with options as on the command line, which has no port yet.
pub(crate) async fn prepared(options: &[&str]) -> Result<Prepared, StartError> {
    let cli = Cli::parse_from(["cache"].iter().chain(options));
    prepare::<Cache>("cache", cli.cache, &cli.process).await
}

/// The options of a cache that has one of the databases of the Redis of `tests/state.sh` for itself.
pub(crate) fn redis_of_its_own() -> Vec<String> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    let database = 1 + USED.fetch_add(1, Ordering::Relaxed);
    let store = format!("{}/{database}", told("WAYSIDE_TEST_REDIS"));
    let file = told("WAYSIDE_TEST_REDIS_PASSWORD_FILE");
    ["--cache-store", &store, "--cache-store-password-file", &file].map(str::to_owned).to_vec()
}

#[expect(clippy::disallowed_methods, reason = "tests/state.sh tells tests where its servers are")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run tests/state.sh"))
}

pub(crate) fn channel(address: SocketAddr) -> Channel {
    Channel::connect_lazy(&address.to_string().parse().unwrap()).unwrap()
}

async fn serve<A: App>(args: A::Args) -> SocketAddr {
    let process = Cli::parse_from(["test"]).process;
    listen(prepare::<A>(A::NAME, args, &process).await.unwrap()).await
}

async fn listen(server: Prepared) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener, pending()));
    address
}

/// A request with a token in its header.
pub(crate) fn by<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

pub(crate) fn entry(key: impl Into<String>, val: &[u8]) -> RestoreRequest {
    RestoreRequest { key: key.into(), val: val.to_vec().into(), ..RestoreRequest::default() }
}

pub(crate) fn account(id: &str, max_cache_keys: i64) -> Result<Option<Account>, Status> {
    Ok(Some(Account { id: id.into(), max_cache_keys, ..Account::default() }))
}

/// Waits until something is so, and fails when it takes more than 5 seconds.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within 5 s");
}

/// What the accounts server answers, and what it has seen.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    answers: Mutex<HashMap<String, Result<Option<Account>, Status>>>,
    delay: Mutex<Duration>,
    pub(crate) calls: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
    pub(crate) last_timeout: Mutex<Option<Duration>>,
}

impl Accounts {
    pub(crate) fn set(&self, token: &str, answer: Result<Option<Account>, Status>) {
        self.answers.lock().unwrap().insert(token.to_owned(), answer);
    }

    pub(crate) fn forget(&self, token: &str) {
        self.answers.lock().unwrap().remove(token);
    }

    pub(crate) fn answer_after(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
struct StandInArgs {
    #[arg(skip)]
    accounts: Arc<Accounts>,
}

struct StandIn;

impl App for StandIn {
    const NAME: &'static str = "accounts";
    const ABOUT: &'static str = "Stands in for the accounts server.";
    const PORT: u16 = 5052;
    const SERVICES: &'static [&'static str] = &["accounts.v1.AccountsService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;

    type Args = StandInArgs;

    fn needs(_: &StandInArgs) -> Needs {
        // The lookup of a dry run is in that dry run.
        let dry_run = Selector::builder(DryRunSupport::Refused)
            .on("/accounts.v1.AccountsService/GetByToken", DryRunSupport::ReadOnly);
        Needs { dry_run, ..Needs::default() }
    }

    async fn routes(args: StandInArgs, _: &Setup) -> Result<Routes, StartError> {
        Ok(Routes::new(AccountsServiceServer::new(Service(args.accounts))))
    }
}

struct Service(Arc<Accounts>);

/// Counts a call as cancelled when it is dropped before it is done.
struct CancelGuard<'a>(Option<&'a Accounts>);

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        if let Some(accounts) = self.0 {
            accounts.cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tonic::async_trait]
impl AccountsService for Service {
    async fn get_by_token(
        &self,
        request: Request<GetByTokenRequest>,
    ) -> Result<Response<GetByTokenResponse>, Status> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        *self.0.last_timeout.lock().unwrap() = wayside_chassis::Context::of(&request).remaining();
        let delay = *self.0.delay.lock().unwrap();
        let mut guard = CancelGuard(Some(&self.0));
        sleep(delay).await;
        guard.0 = None;
        let answer = self.0.answers.lock().unwrap().get(&request.get_ref().token).cloned();
        let account =
            answer.unwrap_or_else(|| Err(Status::not_found("no account has this token")))?;
        Ok(Response::new(GetByTokenResponse { account }))
    }

    async fn create_account(
        &self,
        _: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_account(
        &self,
        _: Request<UpdateAccountRequest>,
    ) -> Result<Response<UpdateAccountResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn rotate_token(
        &self,
        _: Request<RotateTokenRequest>,
    ) -> Result<Response<RotateTokenResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn delete_account(
        &self,
        _: Request<DeleteAccountRequest>,
    ) -> Result<Response<DeleteAccountResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_accounts(
        &self,
        _: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
