use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::call::Call;
use crate::client::observe::{BoxError, status_of};

pin_project! {
    /// The future of [`Auth`](super::Auth).
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
        Refused { status: Option<Status> },
        Without { #[pin] inner: S::Future },
        // Boxed, because it holds the request as well.
        With { call: Box<Call<S, R>> },
    }
}

impl<S: Service<Request<Body>>, R> ResponseFuture<S, R> {
    pub(super) fn refused(status: Status) -> Self {
        Self { state: State::Refused { status: Some(status) } }
    }

    pub(super) fn without(inner: S::Future) -> Self {
        Self { state: State::Without { inner } }
    }

    pub(super) fn with(call: Call<S, R>) -> Self {
        Self { state: State::With { call: Box::new(call) } }
    }
}

impl<S, R> Future for ResponseFuture<S, R>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<R>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Refused { status } => Poll::Ready(Err(status
                .take()
                .unwrap_or_else(|| Status::internal("polled after completion")))),
            StateProj::Without { inner } => inner.poll(cx).map_err(status_of),
            StateProj::With { call } => call.poll(cx),
        }
    }
}

impl<S: Service<Request<Body>>, R> fmt::Debug for ResponseFuture<S, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
