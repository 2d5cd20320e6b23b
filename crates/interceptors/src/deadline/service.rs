use std::task::{Context, Poll};

use http::{Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::{Deadline, DeadlineBody, EXCEEDED, ResponseFuture, parse_grpc_timeout};
use crate::grpc_only::is_grpc;

/// Ends calls at their `grpc-timeout`. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Copy, Debug)]
pub struct DeadlineService<S> {
    inner: S,
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
        let timeout = parse_grpc_timeout(request.headers());
        if let Ok(Some(timeout)) = timeout {
            request.extensions_mut().insert(Deadline(Instant::now() + timeout));
        }
        if !is_grpc(request.headers()) {
            // A gateway has a status and a text of its own for this.
            return ResponseFuture::unbounded(self.inner.call(request));
        }
        match timeout {
            Err(_) => ResponseFuture::refused(Status::internal(
                "grpc-timeout is not at most 8 digits followed by one of H, M, S, m, u, n",
            )),
            Ok(None) => ResponseFuture::unbounded(self.inner.call(request)),
            Ok(Some(timeout)) if timeout.is_zero() => {
                ResponseFuture::refused(Status::deadline_exceeded(EXCEEDED))
            }
            Ok(Some(timeout)) => {
                ResponseFuture::bounded(self.inner.call(request), Instant::now() + timeout)
            }
        }
    }
}
