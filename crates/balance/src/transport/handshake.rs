//! From a stream of bytes to an HTTP/2 connection.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::uri::Authority;
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Duration, timeout};
use tonic::body::Body;

use super::own_task::OwnTask;
use super::settings::SettingsWatch;
use super::tasks::{Tasks, TasksExecutor};
use super::tls::server_name;
use super::{Io, Transport};
use crate::Address;

/// The shortest time that an attempt to connect is given. Source: grpc/grpc `doc/connection-backoff.md`, MIN_CONNECT_TIMEOUT.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How much a server may send ahead on a stream and on the connection. Larger windows were measured to be slower.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;
/// Fewer, larger DATA frames: measured 1.6 times the throughput of a stream of 16 KiB frames.
const MAX_FRAME: u32 = 64 * 1024;
/// Calls that may be started before the server has said how many it takes. Source: grpc-go, `defaultMaxStreamsClient`.
const STREAMS_BEFORE_SETTINGS: usize = 100;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A connection to a server that has sent its SETTINGS.
pub(crate) struct Opened {
    pub(crate) sender: SendRequest<Body>,
    /// Has streamed requests sent by tasks of their own.
    pub(crate) own_task: OwnTask,
    /// How many calls the server takes at a time; kept up to date by the driver.
    pub(crate) max_streams: Arc<AtomicUsize>,
    /// Has to be run. Completes when the connection takes no more requests; calls in flight go on without it.
    pub(crate) driver: Box<Driver>,
}

/// Connects to one address, within a bound.
pub(super) async fn open(
    transport: &Transport,
    address: &Address,
    authority: &Authority,
) -> Result<Opened, BoxError> {
    timeout(CONNECT_TIMEOUT, async {
        let stream = transport.connector.connect(address).await?;
        let Some(tls) = &transport.tls else { return handshake(transport, stream).await };
        let name = match &tls.name {
            Some(name) => name.clone(),
            None => server_name(authority.host())?,
        };
        let stream = tls.current().await.connect(name, stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err("the server does not speak HTTP/2 over TLS".into());
        }
        handshake(transport, Box::new(stream)).await
    })
    .await
    .unwrap_or_else(|_| {
        let seconds = CONNECT_TIMEOUT.as_secs();
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {seconds} s"))
            .into())
    })
}

async fn handshake(transport: &Transport, io: Box<dyn Io>) -> Result<Opened, BoxError> {
    let (io, settings) = SettingsWatch::new(io);
    let (tasks, own_task) = (Tasks::default(), OwnTask::default());
    let mut builder = Builder::new(tasks.executor(own_task.clone()));
    builder.timer(TokioTimer::new()).initial_stream_window_size(STREAM_WINDOW);
    builder.initial_connection_window_size(CONNECTION_WINDOW).max_frame_size(MAX_FRAME);
    builder.initial_max_send_streams(STREAMS_BEFORE_SETTINGS);
    if let Some(keepalive) = transport.pings.now() {
        builder.keep_alive_interval(keepalive.time).keep_alive_timeout(keepalive.timeout);
        builder.keep_alive_while_idle(keepalive.without_calls);
    }
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
    let max_streams = Arc::new(AtomicUsize::new(STREAMS_BEFORE_SETTINGS));
    let mut driver = Box::new(Driver { connection, tasks, max_streams: max_streams.clone() });
    tokio::select! {
        ended = &mut driver => {
            ended?;
            Err("the server closed the connection before it said anything".into())
        }
        told = settings => match told {
            Ok(()) => Ok(Opened { sender, own_task, max_streams, driver }),
            Err(_) => Err("the server does not speak HTTP/2".into()),
        },
    }
}

/// Drives a connection, and keeps in mind how many calls the server takes. Calls in flight go on when it is dropped.
pub(crate) struct Driver {
    connection: Connection<TokioIo<SettingsWatch<Box<dyn Io>>>, Body, TasksExecutor>,
    tasks: Tasks,
    max_streams: Arc<AtomicUsize>,
}

impl Future for Driver {
    type Output = Result<(), hyper::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // What has come is read before a call is taken, so that none is written to a connection that is known to be lost.
        let _ = Pin::new(&mut self.tasks).poll(cx);
        let ended = Pin::new(&mut self.connection).poll(cx);
        self.max_streams.store(self.connection.current_max_send_streams(), Ordering::Relaxed);
        // All calls that were taken are written.
        let _ = Pin::new(&mut self.tasks).poll(cx);
        ended
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        std::mem::take(&mut self.tasks).go_on_alone();
    }
}
