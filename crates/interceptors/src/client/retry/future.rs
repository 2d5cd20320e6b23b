use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::accounting::Accounting;
use super::call::Call;
use crate::client::observe::{BoxError, ObservedBody, ObservedFuture};

pin_project! {
    /// The future of [`Retry`](super::Retry).
    pub struct ResponseFuture<S, R>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        state: State<S, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R>
    where
        S: Service<Request<Body>>,
    {
        Once { #[pin] inner: ObservedFuture<S::Future, Accounting> },
        // Boxed, because it is much larger than a call that is sent once, and most methods have no policy.
        Repeated { call: Box<Call<S, R>> },
    }
}

impl<S, R> ResponseFuture<S, R>
where
    S: Service<Request<Body>>,
{
    pub(super) fn once(inner: S::Future, accounting: Accounting) -> Self {
        Self { state: State::Once { inner: ObservedFuture::new(inner, Some(accounting)) } }
    }

    pub(super) fn repeated(call: Call<S, R>) -> Self {
        Self { state: State::Repeated { call: Box::new(call) } }
    }
}

impl<S, R> Future for ResponseFuture<S, R>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ObservedBody<R, Accounting>>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Once { inner } => inner.poll(cx),
            StateProj::Repeated { call } => call.poll(cx),
        }
    }
}

impl<S: Service<Request<Body>>, R> fmt::Debug for ResponseFuture<S, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
