use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tonic::Status;

use super::timer::Timer;
use super::{DeadlineBody, EXCEEDED};

pin_project! {
    /// The future of [`DeadlineService`](super::DeadlineService).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F> {
        Refused { status: Option<Status> },
        Unbounded { #[pin] inner: F },
        Bounded { #[pin] inner: F, timer: Option<Timer> },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn refused(status: Status) -> Self {
        Self { state: State::Refused { status: Some(status) } }
    }

    pub(crate) fn unbounded(inner: F) -> Self {
        Self { state: State::Unbounded { inner } }
    }

    pub(crate) fn bounded(inner: F, deadline: Instant) -> Self {
        Self { state: State::Bounded { inner, timer: Some(Timer::new(deadline)) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<DeadlineBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Refused { status } => {
                let status =
                    status.take().unwrap_or_else(|| Status::internal("polled after completion"));
                Poll::Ready(Ok(ended(&status)))
            }
            StateProj::Unbounded { inner } => {
                inner.poll(cx).map_ok(|response| response.map(|body| DeadlineBody::new(body, None)))
            }
            StateProj::Bounded { inner, timer } => {
                if let Poll::Ready(result) = inner.poll(cx) {
                    let timer = timer.take();
                    return Poll::Ready(
                        result.map(|response| response.map(|body| DeadlineBody::new(body, timer))),
                    );
                }
                let Some(running) = timer else { return Poll::Pending };
                ready!(running.poll(cx));
                Poll::Ready(Ok(ended(&Status::deadline_exceeded(EXCEEDED))))
            }
        }
    }
}

/// A response that is nothing but a status.
fn ended<B>(status: &Status) -> Response<DeadlineBody<B>> {
    status.clone().into_http::<()>().map(|()| DeadlineBody::empty())
}
