use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use tonic::{Code, Status};

use super::{DRY_RUN, one};
use crate::errors::StatusBuilder;
use crate::or_empty::OrEmpty;

pin_project! {
    /// The future of [`DryRunService`](super::DryRunService).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Real { #[pin] inner: F },
        Dry { #[pin] inner: F },
        // Boxed, as hardly any call is refused and all would be as large.
        Refused { status: Option<Box<Status>>, grpc: bool },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn real(inner: F) -> Self {
        Self { state: State::Real { inner } }
    }

    pub(super) fn dry(inner: F) -> Self {
        Self { state: State::Dry { inner } }
    }

    pub(super) fn refused(path: &str, grpc: bool) -> Self {
        let message = format_args!(
            "{path} cannot be tried without effect; nothing was done: call it without dry-run"
        );
        let status = StatusBuilder::new(Code::FailedPrecondition, message)
            .reason("DRY_RUN_NOT_SUPPORTED", "wayside.interceptors")
            .build();
        Self { state: State::Refused { status: Some(Box::new(status)), grpc } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<OrEmpty<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.project().state.project() {
            StateProj::Real { inner } => ready!(inner.poll(cx))?,
            StateProj::Dry { inner } => {
                let mut response = ready!(inner.poll(cx))?;
                response.headers_mut().insert(DRY_RUN, one());
                response
            }
            StateProj::Refused { status, grpc } => {
                let mut response = Response::new(());
                match status.take() {
                    Some(status) if *grpc => response = status.into_http(),
                    _ => *response.status_mut() = StatusCode::PRECONDITION_FAILED,
                }
                return Poll::Ready(Ok(response.map(|()| OrEmpty::empty())));
            }
        };
        Poll::Ready(Ok(response.map(OrEmpty::new)))
    }
}
