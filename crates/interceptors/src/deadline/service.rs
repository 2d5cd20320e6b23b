use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::{Deadline, DeadlineBody, EXCEEDED, ResponseFuture, Timeouts, parse_grpc_timeout};
use crate::grpc_only::asks_grpc;
use crate::selector::Selector;

/// Ends calls at their `grpc-timeout`, or at what their method allows. See the [module docs](super).
///
/// It goes inside whatever renames paths, as the timeouts are those of the methods that are served.
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    timeouts: Arc<Selector<Timeouts>>,
}

impl DeadlineLayer {
    /// The timeouts of each method.
    pub fn new(timeouts: Selector<Timeouts>) -> Self {
        Self { timeouts: Arc::new(timeouts) }
    }
}

/// A layer for which callers alone say how long a call may take.
impl Default for DeadlineLayer {
    fn default() -> Self {
        Self::new(Selector::from(Timeouts::default()))
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, timeouts: self.timeouts.clone() }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    timeouts: Arc<Selector<Timeouts>>,
}

impl<S, B, R> Service<Request<B>> for DeadlineService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<DeadlineBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let grpc = asks_grpc(&request);
        let wanted = match parse_grpc_timeout(request.headers()) {
            Ok(wanted) => wanted,
            Err(_) if grpc => {
                return ResponseFuture::refused(Status::internal(
                    "grpc-timeout is not at most 8 digits followed by one of H, M, S, m, u, n",
                ));
            }
            Err(_) => None,
        };
        let Some(timeout) = self.timeouts.get(request.uri().path()).apply(wanted) else {
            return ResponseFuture::unbounded(self.inner.call(request));
        };
        if timeout.is_zero() && grpc {
            return ResponseFuture::refused(Status::deadline_exceeded(EXCEEDED));
        }
        let deadline = Instant::now() + timeout;
        request.extensions_mut().insert(Deadline(deadline));
        let inner = self.inner.call(request);
        // A gateway has a status and a text of its own for time that is up.
        if grpc {
            ResponseFuture::bounded(inner, deadline)
        } else {
            ResponseFuture::unbounded(inner)
        }
    }
}
