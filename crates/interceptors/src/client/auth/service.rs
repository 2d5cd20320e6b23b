use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::ResponseFuture;
use super::call::Call;
use super::layer::Settings;
use crate::client::observe::{BoxError, status_of};

/// The service of [`AuthLayer`](super::AuthLayer).
#[derive(Clone, Debug)]
pub struct Auth<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Auth<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, R> Service<Request<Body>> for Auth<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<R>;
    type Error = Status;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx).map_err(status_of)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.settings.applies(&request) {
            Err(status) => ResponseFuture::refused(status),
            Ok(false) => ResponseFuture::without(self.inner.call(request)),
            Ok(true) => {
                // The one that was polled ready makes the call; a second attempt is made by a clone, which waits until it is.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::with(Call::new(ready, request, &self.settings))
            }
        }
    }
}
