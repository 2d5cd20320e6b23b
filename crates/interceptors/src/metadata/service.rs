use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{AllowList, Propagated, ResponseFuture, request_id};

/// Takes from a call what it hands on. See the [module docs](super).
///
/// It goes outside of the access log, whose line has the request id.
#[derive(Clone, Debug, Default)]
pub struct MetadataLayer {
    allowed: AllowList,
}

impl MetadataLayer {
    /// Hands on the request id and the headers of a list.
    pub fn new(allowed: AllowList) -> Self {
        Self { allowed }
    }
}

impl<S> Layer<S> for MetadataLayer {
    type Service = Metadata<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Metadata { inner, allowed: self.allowed.clone() }
    }
}

/// The service of [`MetadataLayer`].
#[derive(Clone, Debug)]
pub struct Metadata<S> {
    inner: S,
    allowed: AllowList,
}

impl<S, B, R> Service<Request<B>> for Metadata<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let request_id = request_id::find_or_make(request.headers_mut());
        let headers = request.headers();
        let mut others = Vec::new();
        for name in self.allowed.names() {
            others.extend(headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
        let propagated = Propagated { request_id: request_id.clone(), others };
        request.extensions_mut().insert(propagated);
        ResponseFuture::new(self.inner.call(request), request_id)
    }
}
