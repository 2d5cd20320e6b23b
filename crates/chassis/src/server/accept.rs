//! Accepting connections, and ending them all.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use wayside_interceptors::Peer;

use super::ServerOptions;
use super::calls::Calls;
use super::connection::drive;
use super::state::ConnectionState;
use super::watched::WatchedIo;

/// How long to wait after `accept` failed, for instance because the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long the tasks of connections that are closed may take to notice it.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Serves `service` on `listener` until `stop` completes. Then no connection is taken any more; clients get GOAWAY and PING, then GOAWAY with
/// the last stream; calls in flight have [`ServerOptions::drain`] to finish; what is left ends UNAVAILABLE and is closed. No task is left when this
/// returns, unless a handler blocks its thread.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    options: &ServerOptions,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let server = Server::new(service, options.clone());
    let permits = Arc::new(Semaphore::new(options.max_connections));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, address) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => accepted,
        };
        // Dropping the stream refuses the client at once, rather than leaving it in a queue.
        let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
        let server_of_connection = server.clone();
        server.tasks.spawn(async move {
            let _permit = permit;
            server_of_connection.connection(stream, address).await;
        });
    }
    drop(listener);
    server.end().await;
}

/// What every connection shares.
#[derive(Clone)]
struct Server<S> {
    service: S,
    options: Arc<ServerOptions>,
    http: Arc<Builder<Executor>>,
    tasks: TaskTracker,
    drain: CancellationToken,
    cut: CancellationToken,
}

impl<S, B> Server<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn new(service: S, options: ServerOptions) -> Self {
        let tasks = TaskTracker::new();
        let http = http_builder(&options, Executor(tasks.clone()));
        Self {
            service,
            options: Arc::new(options),
            http: Arc::new(http),
            tasks,
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    async fn connection(self, stream: TcpStream, address: SocketAddr) {
        let Some(tls) = &self.options.tls else { return self.http(stream, address).await };
        let handshake = timeout(self.options.handshake_timeout, tls.acceptor().accept(stream));
        let handshake = tokio::select! {
            done = handshake => done,
            () = self.drain.cancelled() => return,
        };
        match handshake {
            Ok(Ok(stream)) => self.http(stream, address).await,
            Ok(Err(error)) => tracing::info!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::info!(%address, "TLS handshake took too long"),
        }
    }

    async fn http<I>(self, io: I, address: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let state = Arc::new(ConnectionState::new());
        let io = WatchedIo::new(io, state.clone(), self.options.keepalive_enforcement);
        let calls = Calls::new(self.service, Peer(address), state.clone());
        let connection = self.http.serve_connection(TokioIo::new(io), calls);
        drive(connection, state, &self.options, &self.drain, &self.cut).await;
    }

    /// Lets every call finish that can, and ends the others.
    async fn end(self) {
        self.tasks.close();
        self.drain.cancel();
        if timeout(self.options.drain, self.tasks.wait()).await.is_err() {
            tracing::warn!("calls were cut: the drain time is over");
            self.cut.cancel();
            // A handler that blocks its thread cannot be ended; everything else is gone by then.
            if timeout(CLOSE_TIME, self.tasks.wait()).await.is_err() {
                tracing::warn!(
                    tasks = self.tasks.len(),
                    "handlers that block their thread are left behind"
                );
            }
        }
    }
}

/// Spawns the calls of a connection where the server can wait for them.
#[derive(Clone, Debug)]
struct Executor(TaskTracker);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
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

fn http_builder(options: &ServerOptions, executor: Executor) -> Builder<Executor> {
    let mut builder = Builder::new(executor);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.handshake_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_header_list_size(options.max_header_list_bytes)
        .keep_alive_interval(options.keepalive_time)
        .keep_alive_timeout(options.keepalive_timeout);
    builder
}
