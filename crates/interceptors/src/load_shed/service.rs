use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::InFlight;
use super::layer::Limits;
use crate::admission::{AdmittedBody, ResponseFuture};

/// The service of [`LoadShedLayer`](super::LoadShedLayer).
#[derive(Clone, Debug)]
pub struct LoadShed<S> {
    inner: S,
    limits: Arc<Limits>,
}

impl<S> LoadShed<S> {
    pub(super) fn new(inner: S, limits: Arc<Limits>) -> Self {
        Self { inner, limits }
    }
}

impl<S, B, R> Service<Request<B>> for LoadShed<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<AdmittedBody<R, Option<InFlight>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Option<InFlight>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let decision = self.limits.admit(&request);
        ResponseFuture::of(&mut self.inner, request, decision)
    }
}
