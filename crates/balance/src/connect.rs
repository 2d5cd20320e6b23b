//! From an address to an HTTP/2 connection.

use std::error::Error;
use std::io;

use http::uri::Authority;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tonic::body::Body;

use crate::settings::SettingsWatch;
use crate::tls::{Connector, server_name};

/// The shortest time that an attempt to connect is given. Source: grpc/grpc `doc/connection-backoff.md`, MIN_CONNECT_TIMEOUT.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How much a server may send ahead on a stream and on the connection. Larger windows were measured to be slower.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;
/// A connection's two ends: one sends requests, the other has to be driven.
pub(crate) type Connected = (SendRequest<Body>, Driver);

/// Drives a connection; completes when it takes no more requests.
pub(crate) type Driver = std::pin::Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// Connects to one address, within a bound.
pub(crate) async fn connect(
    authority: &Authority,
    tls: Option<&Connector>,
) -> Result<Connected, BoxError> {
    timeout(CONNECT_TIMEOUT, async {
        let stream = TcpStream::connect(authority.as_str()).await?;
        stream.set_nodelay(true)?;
        match tls {
            None => handshake(stream).await,
            Some(tls) => {
                let name = match &tls.name {
                    Some(name) => name.clone(),
                    None => server_name(authority.host())?,
                };
                let stream = tls.tls.connect(name, stream).await?;
                if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                    return Err("the server does not speak HTTP/2 over TLS".into());
                }
                handshake(stream).await
            }
        }
    })
    .await
    .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

async fn handshake<I>(io: I) -> Result<Connected, BoxError>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (io, settings) = SettingsWatch::new(io);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).initial_stream_window_size(STREAM_WINDOW);
    builder.initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
    let mut driver: Driver = Box::pin(connection);
    tokio::select! {
        ended = &mut driver => {
            ended?;
            Err("the server closed the connection before it said anything".into())
        }
        told = settings => match told {
            Ok(()) => Ok((sender, driver)),
            Err(_) => Err("the server does not speak HTTP/2".into()),
        },
    }
}
