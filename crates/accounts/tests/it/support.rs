//! A server on a port of its own.

use std::net::SocketAddr;
use std::path::Path;

use accounts::{Accounts, AccountsArgs};
use clap::Parser;
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
    pub(crate) async fn start(options: &[&str]) -> Self {
        let prepared = prepared(options).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(prepared.serve(listener, async move {
            let _ = stopped.await;
        }));
        Self { address, stop, task }
    }

    pub(crate) async fn on(directory: &Path) -> Self {
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
