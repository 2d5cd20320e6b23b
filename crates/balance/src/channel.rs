//! The channel itself.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tokio::time::{Duration, Instant, timeout_at};
use tonic::body::Body;
use tonic::transport::{Channel as Connection, Endpoint};
use tonic::{Code, Status};
use tower_service::Service;

use crate::{ClientTls, Target};

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A channel to every address of a [`Target`]; cheap to clone, and taken by any generated tonic client.
///
/// Calls go to the addresses in turn. A call ends with DEADLINE_EXCEEDED when its `grpc-timeout` passes before the head of the
/// response, connecting included; a connection that fails is UNAVAILABLE.
#[derive(Clone, Debug)]
pub struct Channel {
    connections: Arc<[Connection]>,
    next: Arc<AtomicUsize>,
}

/// Why a channel could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a channel to '{target}'")]
pub struct ChannelError {
    target: String,
    #[source]
    source: tonic::transport::Error,
}

impl Channel {
    /// Makes a channel that connects when the first call comes. Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// When an address of the target cannot be the authority of a URI.
    pub fn connect_lazy(target: &Target) -> Result<Self, ChannelError> {
        Self::connect(target, None)
    }

    /// As [`connect_lazy`](Self::connect_lazy), encrypted.
    ///
    /// # Errors
    /// When an address of the target cannot be the authority of a URI, or the certificates cannot be used.
    pub fn connect_lazy_tls(target: &Target, tls: &ClientTls) -> Result<Self, ChannelError> {
        Self::connect(target, Some(tls))
    }

    fn connect(target: &Target, tls: Option<&ClientTls>) -> Result<Self, ChannelError> {
        let connections = target
            .authorities()
            .iter()
            .map(|authority| connection(authority, tls))
            .collect::<Result<_, _>>()
            .map_err(|source| ChannelError { target: target.to_string(), source })?;
        Ok(Self { connections, next: Arc::new(AtomicUsize::new(0)) })
    }
}

fn connection(
    authority: &str,
    tls: Option<&ClientTls>,
) -> Result<Connection, tonic::transport::Error> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))?;
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls.config.clone())?;
    }
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).connect_lazy())
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Readiness is awaited in `call`, inside the deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let connection = self.connections[turn].clone();
        let deadline = timeout(request.headers()).map(|timeout| Instant::now() + timeout);
        Box::pin(async move {
            match deadline {
                None => send(connection, request).await,
                Some(deadline) => timeout_at(deadline, send(connection, request))
                    .await
                    .unwrap_or_else(|_| Err(Status::deadline_exceeded("deadline exceeded"))),
            }
        })
    }
}

async fn send(
    mut connection: Connection,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    std::future::poll_fn(|cx| connection.poll_ready(cx)).await.map_err(status)?;
    connection.call(request).await.map_err(status)
}

/// Failures of the transport are UNAVAILABLE unless HTTP/2 gave a better reason.
fn status(error: tonic::transport::Error) -> Status {
    let cause = std::iter::successors(error.source(), |&error| error.source())
        .last()
        .map(ToString::to_string);
    let text = cause.unwrap_or_else(|| error.to_string());
    let status = Status::from_error(Box::new(error));
    match status.code() {
        Code::Unknown | Code::Unavailable => {
            Status::unavailable(format!("connection failed: {text}"))
        }
        // tonic's own timer, which runs beside ours, says CANCELLED.
        Code::Cancelled if status.message() == "Timeout expired" => {
            Status::deadline_exceeded("deadline exceeded")
        }
        _ => status,
    }
}

/// The `grpc-timeout` that the generated client has set; it writes nothing but digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.checked_mul(3600)?),
        "M" => Duration::from_secs(number.checked_mul(60)?),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}
