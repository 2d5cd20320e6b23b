use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::service::{Guarding, Refusal};
use crate::grpc_only::is_grpc;
use crate::or_empty::OrEmpty;

/// Boxed, as it is needed once a minute at most for as long as nobody brings unknown keys.
type Refreshed = Pin<Box<dyn Future<Output = ()> + Send>>;

pin_project! {
    /// The future of [`AuthService`](super::AuthService).
    pub struct ResponseFuture<S, B, F> {
        #[pin]
        state: State<S, B, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, F> {
        Refused { refusal: Refusal, grpc: bool },
        Allowed { #[pin] inner: F },
        Waiting { refreshed: Refreshed, parked: Option<Box<Parked<S, B>>> },
    }
}

/// A call that waits for new keys.
struct Parked<S, B> {
    inner: S,
    request: Request<B>,
    guarding: Arc<Guarding>,
}

impl<S, B, F> ResponseFuture<S, B, F> {
    pub(super) fn refused(refusal: Refusal, grpc: bool) -> Self {
        Self { state: State::Refused { refusal, grpc } }
    }

    pub(super) fn allowed(inner: F) -> Self {
        Self { state: State::Allowed { inner } }
    }

    pub(super) fn waiting(
        inner: S,
        request: Request<B>,
        guarding: Arc<Guarding>,
        refreshed: Refreshed,
    ) -> Self {
        let parked = Some(Box::new(Parked { inner, request, guarding }));
        Self { state: State::Waiting { refreshed, parked } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, S::Future>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<OrEmpty<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Refused { refusal, grpc } => {
                    let response = refusal.response(*grpc);
                    return Poll::Ready(Ok(response.map(|()| OrEmpty::empty())));
                }
                StateProj::Allowed { inner } => {
                    return inner.poll(cx).map_ok(|response| response.map(OrEmpty::new));
                }
                // Waiting => (Allowed | Refused)
                StateProj::Waiting { refreshed, parked } => {
                    ready!(refreshed.as_mut().poll(cx));
                    let Some(mut call) = parked.take() else { return Poll::Pending };
                    match call.guarding.admit(&mut call.request) {
                        Ok(()) => State::Allowed { inner: call.inner.call(call.request) },
                        Err(refusal) => {
                            State::Refused { refusal, grpc: is_grpc(call.request.headers()) }
                        }
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, B, F> fmt::Debug for ResponseFuture<S, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
