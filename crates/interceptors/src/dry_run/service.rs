use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{DryRun, ResponseFuture, Support, is_wanted};
use crate::grpc_only::is_grpc;
use crate::or_empty::OrEmpty;
use crate::selector::Selector;

/// Keeps dry runs from changing anything. See the [module docs](super).
///
/// It goes inside whatever renames paths, and inside authorization: who may not call may not try either.
#[derive(Clone, Debug)]
pub struct DryRunLayer {
    methods: Arc<Selector<Support>>,
}

impl DryRunLayer {
    /// What each method makes of a dry run.
    pub fn new(methods: Selector<Support>) -> Self {
        Self { methods: Arc::new(methods) }
    }
}

impl<S> Layer<S> for DryRunLayer {
    type Service = DryRunService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DryRunService { inner, methods: self.methods.clone() }
    }
}

/// The service of [`DryRunLayer`].
#[derive(Clone, Debug)]
pub struct DryRunService<S> {
    inner: S,
    methods: Arc<Selector<Support>>,
}

impl<S, B, R> Service<Request<B>> for DryRunService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<OrEmpty<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !is_wanted(request.headers()) {
            return ResponseFuture::real(self.inner.call(request));
        }
        let path = request.uri().path();
        if *self.methods.get(path) == Support::Refused {
            return ResponseFuture::refused(path, is_grpc(request.headers()));
        }
        request.extensions_mut().insert(DryRun);
        ResponseFuture::dry(self.inner.call(request))
    }
}
