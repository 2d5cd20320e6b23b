use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{RecoveryBody, ResponseFuture, log};
use crate::grpc_only::asks_grpc;

/// Catches panics. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct RecoveryLayer;

impl<S> Layer<S> for RecoveryLayer {
    type Service = Recovery<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Recovery { inner }
    }
}

/// The service of [`RecoveryLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Recovery<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Recovery<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<RecoveryBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Only this of the URI: a clone of the rest would count references for nothing.
        let path = request.uri().path_and_query().cloned();
        let grpc = asks_grpc(&request);
        // What the panic may have left half done belongs to this call alone and is dropped with it.
        // Boxed, as every layer around this one moves the future, and the task that runs it does so several times.
        let inner = catch_unwind(AssertUnwindSafe(|| Box::pin(self.inner.call(request))));
        ResponseFuture::new(inner.map_err(|panic| log(path.as_ref(), &*panic)).ok(), path, grpc)
    }
}
