//! Servers on a port of their own, for the time of a test.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Mutex, Once};

use clap::Parser;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use wayside_balance::Channel;
use wayside_chassis::{App, ProcessArgs, bind, prepare};

#[derive(Debug, Parser)]
struct Cli<T: clap::Args> {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    args: T,
}

/// What a release build can log, and all that ours log in any build.
pub(crate) const EVERYTHING: &str = "info,accounts=trace,cache=trace,wayside_chassis=trace,wayside_interceptors=trace,wayside_balance=trace,access=trace,remote=trace";

/// Lines with a secret that servers of this process have logged, without the secret.
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Looks through the lines that servers of this process log, and keeps nothing else of them.
struct Searched;

impl Write for Searched {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LEAKS.lock().unwrap().extend(e2e::masked(&String::from_utf8_lossy(line)));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has everything searched that servers of this process log from now on.
fn search_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(EVERYTHING))
            .with_ansi(false)
            .with_writer(|| Searched)
            .init();
    });
}

/// A server of this process; it stops when it is dropped. A test fails then if a secret was logged, whichever server has done it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Serves `A`, with options as they would be typed, on a free port.
    pub(crate) async fn start<A: App>(options: &[&str]) -> Self {
        Self::start_at::<A>("127.0.0.1:0".parse().unwrap(), options).await
    }

    /// As `start`, on a port that may have been somebody's a moment ago.
    pub(crate) async fn start_at<A: App>(address: SocketAddr, options: &[&str]) -> Self {
        search_the_log();
        let cli = Cli::<A::Args>::parse_from([A::NAME].iter().chain(options));
        let server = prepare::<A>(A::NAME, cli.args, &cli.process).await.unwrap();
        let listener = bind(A::NAME, address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self { address, stop, task: Some(task) }
    }

    pub(crate) fn channel(&self) -> Channel {
        Channel::connect_lazy(&self.address.to_string().parse().unwrap()).unwrap()
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the server has ended, for `patience` at most.
    pub(crate) async fn ended(&mut self, patience: Duration) {
        timeout(patience, self.task.take().unwrap())
            .await
            .expect("the server did not end in time")
            .unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        let leaks = std::mem::take(&mut *LEAKS.lock().unwrap());
        // A second panic would end all tests.
        if !std::thread::panicking() {
            assert!(leaks.is_empty(), "a server has logged a secret: {}", leaks.concat());
        }
    }
}
