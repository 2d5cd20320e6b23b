use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::Slot;
use super::slots::Limits;
use crate::admission::{AdmittedBody, ResponseFuture};

/// The service of [`ConcurrencyLayer`](super::ConcurrencyLayer).
#[derive(Clone, Debug)]
pub struct Concurrency<S> {
    inner: S,
    limits: Arc<Limits>,
    refused: Arc<AtomicU64>,
}

impl<S> Concurrency<S> {
    pub(super) fn new(inner: S, limits: Arc<Limits>, refused: Arc<AtomicU64>) -> Self {
        Self { inner, limits, refused }
    }
}

impl<S, B, R> Service<Request<B>> for Concurrency<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<AdmittedBody<R, Option<Slot>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Option<Slot>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let decision = self.limits.admit(&request).inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        });
        ResponseFuture::of(&mut self.inner, request, decision)
    }
}
