use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::{CircuitBreaker, Passage};
use crate::client::head::deadline_of;
use crate::client::observe::{BoxError, ObservedBody, ObservedFuture, status_of};

/// Refuses calls while a breaker is open. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer {
    breaker: CircuitBreaker,
}

impl CircuitBreakerLayer {
    /// All services of this layer share the breaker: make one for each target.
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker }
    }
}

impl<S> Layer<S> for CircuitBreakerLayer {
    type Service = CircuitBreakerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreakerService { inner, breaker: self.breaker.clone() }
    }
}

/// The service of [`CircuitBreakerLayer`].
#[derive(Clone, Debug)]
pub struct CircuitBreakerService<S> {
    inner: S,
    breaker: CircuitBreaker,
}

/// The future of [`CircuitBreakerService`]: either refused or under way.
pub type BreakerFuture<F, R> =
    Either<Ready<Result<Response<ObservedBody<R, Passage>>, Status>>, ObservedFuture<F, Passage>>;

impl<S, B, R> Service<Request<B>> for CircuitBreakerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ObservedBody<R, Passage>>;
    type Error = Status;
    type Future = BreakerFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Readiness says nothing about the breaker, which is asked in `call`: a clone may be ready for long before it is used.
        self.inner.poll_ready(cx).map_err(status_of)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let deadline = deadline_of(request.headers(), request.extensions());
        match self.breaker.admit(deadline) {
            Ok(passage) => {
                Either::Right(ObservedFuture::new(self.inner.call(request), Some(passage)))
            }
            Err(status) => Either::Left(ready(Err(status))),
        }
    }
}
