//! The server loop: accepts connections, serves them, and ends with a bound.
//!
//! Not tonic's `Server`: that wraps every service in a timer of its own which answers CANCELLED, and its drain has no bound.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};
use tower::{Service, ServiceExt};
use wayside_interceptors::Peer;

/// The bounds of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// How long calls in flight may take after the stop. Default 25 s.
    pub drain: Duration,
    /// How many connections are served at a time; more are closed as they come. Default 1024.
    pub max_connections: usize,
    /// How many streams a connection may have at a time. Default 100.
    pub max_concurrent_streams: u32,
    /// How large the header list of a request may be. Default 16 KiB.
    pub max_header_list_bytes: u32,
    /// How long an HTTP/1.1 client may take to send its request head. Default 10 s.
    pub header_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(25),
            max_connections: 1024,
            max_concurrent_streams: 100,
            max_header_list_bytes: 16 * 1024,
            header_timeout: Duration::from_secs(10),
        }
    }
}

/// How long to wait after `accept` failed, for instance because the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `service` on `listener` until `stop` completes; then no connection is taken any more, HTTP/2 clients get a GOAWAY, calls
/// in flight have [`ServerOptions::drain`] to finish, and what is left is cut. Every task has ended when this returns.
pub async fn serve<S, B>(listener: TcpListener, service: S, options: &ServerOptions, stop: impl Future<Output = ()>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let builder = connection_builder(options);
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(options.max_connections));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, address) = tokio::select! {
            () = &mut stop => break,
            // Takes the results of connections that have ended, so that the set does not grow.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener) => accepted,
        };
        // Dropping the stream refuses the client at once, rather than leaving it in a queue.
        let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
        let service = service.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(address));
            request
        });
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(%address, error, "connection ended");
            }
        });
    }
    drop(listener);
    if timeout(options.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "calls were cut: the drain time is over");
    }
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // A failure means that the connection is gone already, which serving it will find out.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn connection_builder(options: &ServerOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_header_list_size(options.max_header_list_bytes);
    builder
}
