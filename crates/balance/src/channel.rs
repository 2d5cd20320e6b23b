//! The channel itself: pick, send, and once more if it was never sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::body::DeadlineBody;
use crate::ready::{Ready, Subchannels};
use crate::replay::Replay;
use crate::timeout::grpc_timeout;
use crate::{ClientTls, Target, TlsError, status};

/// What a server is told that calls it.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("wayside-balance/", env!("CARGO_PKG_VERSION")));

/// A channel to every address of a [`Target`]; cheap to clone, and taken by any generated tonic client.
///
/// Calls go in turn to the addresses that are connected. A call that a connection did not take any more goes to the next one, and a call that
/// finds none connected waits for one that is being connected; when every address has failed, it ends UNAVAILABLE with the reason. A call
/// ends with DEADLINE_EXCEEDED when its `grpc-timeout` passes, connecting included, to the end of its stream.
#[derive(Clone, Debug)]
pub struct Channel {
    subchannels: Arc<Subchannels>,
}

impl Channel {
    /// Makes a channel that connects when the first call comes. Has to be called within a tokio runtime.
    pub fn connect_lazy(target: &Target) -> Self {
        Self { subchannels: Arc::new(Subchannels::new(target, None)) }
    }

    /// As [`connect_lazy`](Self::connect_lazy), encrypted.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn connect_lazy_tls(target: &Target, tls: &ClientTls) -> Result<Self, TlsError> {
        Ok(Self { subchannels: Arc::new(Subchannels::new(target, Some(tls.connector()?))) })
    }
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
        let subchannels = self.subchannels.clone();
        let deadline = grpc_timeout(request.headers()).map(|timeout| Instant::now() + timeout);
        Box::pin(async move {
            let Some(deadline) = deadline else { return send(&subchannels, request).await };
            let response = timeout_at(deadline, send(&subchannels, request))
                .await
                .unwrap_or_else(|_| Err(status::deadline_exceeded()))?;
            Ok(response.map(|body| Body::new(DeadlineBody::new(body, deadline))))
        })
    }
}

/// Sends a request by whichever connection takes it.
///
/// A request that comes back was never sent, so it is sent again as often as it takes. One that a server has refused unseen (REFUSED_STREAM, or
/// above the last stream of its GOAWAY) is sent again once. Source: gRFC A6, "Transparent Retries".
async fn send(subchannels: &Subchannels, request: Request<Body>) -> Result<Response<Body>, Status> {
    let (mut parts, body) = request.into_parts();
    parts.headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    let replay = Replay::new(body);
    let mut refused = false;
    loop {
        let ready = subchannels.pick().await?;
        let mut attempt = Request::from_parts(parts.clone(), replay.body());
        address(&mut attempt, &ready);
        let mut connection = ready.connection.clone();
        let error = match connection.try_send_request(attempt).await {
            Ok(response) => return Ok(response.map(|body| Body::new(status::StatusBody(body)))),
            Err(error) => error,
        };
        if error.message().is_none() {
            if refused || !replay.is_possible() || !status::is_unseen(error.error()) {
                return Err(status::of(error.error()));
            }
            refused = true;
        }
        // The connection has taken its last call; whoever drives it will notice when it is polled.
        subchannels.forget(&ready);
        tokio::task::yield_now().await;
    }
}

/// Completes the URI, of which the generated client knows the path only.
fn address(request: &mut Request<Body>, ready: &Ready) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(if ready.encrypted { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(ready.authority.clone());
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    // Scheme, authority and path are all there, which is all that can be wrong.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}
