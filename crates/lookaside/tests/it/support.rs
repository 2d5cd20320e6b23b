//! Servers on a port of their own, for the time of a test.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use lookaside::Lookaside;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use wayside_balance::Channel;
use wayside_chassis::{App, ProcessArgs, bind, prepare};
use wayside_proto::lookaside::v1::lookaside_service_client::LookasideServiceClient;
use wayside_proto::lookaside::v1::{
    ResolveRequest, Router, WatchEndpointsRequest, WatchEndpointsResponse,
};

/// How long a test waits for something that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
struct Cli<T: clap::Args> {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    args: T,
}

/// A server of this process; it stops when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), options).await
    }

    pub(crate) async fn start_at(address: SocketAddr, options: &[&str]) -> Self {
        let at_once: &[&str] =
            if options.contains(&"--lame-duck") { &[] } else { &["--lame-duck", "0s"] };
        let options = [&["lookaside"], at_once, options].concat();
        let cli = Cli::<<Lookaside as App>::Args>::parse_from(options);
        let server = prepare::<Lookaside>("lookaside", cli.args, &cli.process).await.unwrap();
        let listener = bind("lookaside", address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self { address, stop, task: Some(task) }
    }

    /// A server over a file of endpoints.
    pub(crate) async fn over(file: &File) -> Self {
        Self::start(&["--lookaside-source", &file.source()]).await
    }

    pub(crate) fn channel(&self) -> Channel {
        Channel::connect_lazy(&self.address.to_string().parse().unwrap()).unwrap()
    }

    pub(crate) fn client(&self) -> LookasideServiceClient<Channel> {
        LookasideServiceClient::new(self.channel())
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops the server and waits until it has ended.
    pub(crate) async fn ended(mut self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task.take().unwrap()).await.expect("it did not end").unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A file of endpoints.
pub(crate) struct File {
    _directory: TempDir,
    path: PathBuf,
}

impl File {
    /// With these addresses of `default/greet:50051`.
    pub(crate) fn of(addresses: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("endpoints.json");
        let file = Self { _directory: directory, path };
        file.write(addresses);
        file
    }

    pub(crate) fn write(&self, addresses: &[&str]) {
        let list: Vec<_> = addresses.iter().map(|address| format!("{address:?}")).collect();
        self.write_text(&format!(r#"{{"default/greet:50051": [{}]}}"#, list.join(",")));
    }

    /// Replaces the file in one step, as a well-behaved tool does.
    pub(crate) fn write_text(&self, text: &str) {
        let next = self.path.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &self.path).unwrap();
    }

    pub(crate) fn source(&self) -> String {
        format!("static:{}", self.path.display())
    }
}

pub(crate) fn question(router: Router) -> ResolveRequest {
    ResolveRequest {
        router: router.into(),
        service: "greet".into(),
        namespace: "default".into(),
        port: "50051".into(),
    }
}

pub(crate) fn greet() -> WatchEndpointsRequest {
    WatchEndpointsRequest {
        service: "greet".into(),
        namespace: "default".into(),
        port: String::new(),
    }
}

/// The first address of each endpoint of the next list.
pub(crate) async fn next(stream: &mut tonic::Streaming<WatchEndpointsResponse>) -> Vec<String> {
    let message = timeout(PATIENCE, stream.message()).await.expect("a list").unwrap().unwrap();
    message.endpoints.into_iter().map(|mut endpoint| endpoint.addresses.remove(0)).collect()
}
