use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{ResponseFuture, RpcErrorBody};
use crate::path_alias::CalledByAlias;

/// Tells errors in the older form as well. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct RpcErrorLayer;

impl<S> Layer<S> for RpcErrorLayer {
    type Service = RpcErrorService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcErrorService { inner }
    }
}

/// The service of [`RpcErrorLayer`].
#[derive(Clone, Copy, Debug)]
pub struct RpcErrorService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for RpcErrorService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<RpcErrorBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let by_alias = request.extensions().get::<CalledByAlias>().is_some();
        ResponseFuture::new(self.inner.call(request), by_alias)
    }
}
