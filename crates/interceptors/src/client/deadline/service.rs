use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tokio::time::{Duration, Instant};
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use crate::client::clock::after;
use crate::deadline::{
    Deadline, DeadlineBody, EXCEEDED, ResponseFuture, Timeouts, grpc_timeout, parse_grpc_timeout,
};

/// What a call within another has less than that one, unless it is told otherwise.
const MARGIN: Duration = Duration::from_millis(5);
/// The part of what is left that the margin is at most.
const MARGIN_PART: u32 = 10;

/// Gives every call a deadline. See the [module docs](super).
#[derive(Clone)]
pub struct DeadlineLayer {
    timeouts: Arc<Lookup>,
    margin: Duration,
}

type Lookup = dyn Fn(&str) -> Timeouts + Send + Sync;

impl DeadlineLayer {
    /// Asks `timeouts` for those of each call, by the path of its method, as `/greet.v1.GreetService/Greet`.
    pub fn new(timeouts: impl Fn(&str) -> Timeouts + Send + Sync + 'static) -> Self {
        Self { timeouts: Arc::new(timeouts), margin: MARGIN }
    }

    /// What a call within another has less than that one; at most a tenth of what is left. Default: 5 ms.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// What a call may take that is made within one with this deadline.
    fn within(&self, parent: Deadline) -> Duration {
        let left = parent.remaining();
        left - self.margin.min(left / MARGIN_PART)
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, layer: self.clone() }
    }
}

impl fmt::Debug for DeadlineLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DeadlineLayer")
            .field("margin", &self.margin)
            .finish_non_exhaustive()
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    layer: DeadlineLayer,
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
        let Ok(wanted) = parse_grpc_timeout(request.headers()) else {
            return ResponseFuture::refused(Status::internal("grpc-timeout is not a timeout"));
        };
        let own = (self.layer.timeouts)(request.uri().path()).apply(wanted);
        let parent = request.extensions().get::<Deadline>();
        let inherited = parent.map(|parent| self.layer.within(*parent));
        let Some(timeout) = [own, inherited].into_iter().flatten().min() else {
            return ResponseFuture::unbounded(self.inner.call(request));
        };
        if timeout.is_zero() {
            return ResponseFuture::refused(Status::deadline_exceeded(EXCEEDED));
        }
        let now = Instant::now();
        let deadline = after(now, timeout);
        request.headers_mut().insert("grpc-timeout", grpc_timeout(deadline - now));
        request.extensions_mut().insert(Deadline(deadline));
        ResponseFuture::bounded(self.inner.call(request), deadline)
    }
}
