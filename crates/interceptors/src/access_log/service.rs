use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::call::Call;
use super::{AccessLogBody, AccessLogRequestBody, CallRecord, ResponseFuture};

/// Logs every call of a server. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct AccessLogLayer {
    server: Arc<str>,
}

impl AccessLogLayer {
    /// Logs calls as those of `server`: several servers may share a process.
    pub fn new(server: impl Into<Arc<str>>) -> Self {
        Self { server: server.into() }
    }
}

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLogService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessLogService { server: self.server.clone(), inner }
    }
}

/// The service of [`AccessLogLayer`].
#[derive(Clone, Debug)]
pub struct AccessLogService<S> {
    server: Arc<str>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for AccessLogService<S>
where
    S: Service<Request<AccessLogRequestBody<B>>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<AccessLogBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut record = None;
        if tracing::enabled!(target: "access", tracing::Level::INFO) {
            let new = CallRecord::new(self.server.clone(), &request);
            request.extensions_mut().insert(new.clone());
            record = Some(new);
        }
        let call = record.clone().map(Call::new);
        let request = request.map(|body| AccessLogRequestBody::new(body, record));
        ResponseFuture::new(self.inner.call(request), call)
    }
}
