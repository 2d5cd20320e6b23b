use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::Line;
use crate::client::observe::{BoxError, ObservedBody, ObservedFuture, status_of};

/// Logs every call of a client. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggingLayer;

impl<S> Layer<S> for LoggingLayer {
    type Service = Logging<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Logging { inner }
    }
}

/// The service of [`LoggingLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Logging<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Logging<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ObservedBody<R, Line>>;
    type Error = Status;
    type Future = ObservedFuture<S::Future, Line>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx).map_err(status_of)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let line = Line::new(request.uri());
        ObservedFuture::new(self.inner.call(request), line)
    }
}
