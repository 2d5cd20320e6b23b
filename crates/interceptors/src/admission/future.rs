use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{AdmittedBody, Refusal};
use crate::grpc_only::is_grpc;

/// What a call holds until its body ends. It is given back by being dropped, whichever way the call ends.
pub trait Permit {
    /// The head of the response has come.
    fn answered(&mut self, _status: StatusCode, _headers: &HeaderMap) {}
}

/// Of a call that had to pass, and has nothing to give back.
impl Permit for () {}

/// Both are held.
impl<P: Permit, Q: Permit> Permit for (P, Q) {
    fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.0.answered(status, headers);
        self.1.answered(status, headers);
    }
}

impl<P: Permit> Permit for Option<P> {
    fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(permit) = self {
            permit.answered(status, headers);
        }
    }
}

pin_project! {
    /// The future of a call that was admitted or refused.
    #[derive(Debug)]
    pub struct ResponseFuture<F, P> {
        #[pin]
        state: State<F, P>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F, P> {
        Refused { refusal: Refusal, grpc: bool },
        Admitted { #[pin] inner: F, permit: Option<P> },
    }
}

impl<F, P> ResponseFuture<F, P> {
    pub(super) fn admitted(inner: F, permit: P) -> Self {
        Self { state: State::Admitted { inner, permit: Some(permit) } }
    }

    /// The answer to a request with these headers.
    pub(super) fn refused(refusal: Refusal, headers: &HeaderMap) -> Self {
        Self { state: State::Refused { refusal, grpc: is_grpc(headers) } }
    }
}

impl<F, B, E, P> Future for ResponseFuture<F, P>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    P: Permit,
{
    type Output = Result<Response<AdmittedBody<B, P>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Refused { refusal, grpc } => {
                Poll::Ready(Ok(refusal.response(*grpc).map(|()| AdmittedBody::empty())))
            }
            StateProj::Admitted { inner, permit } => {
                let response = ready!(inner.poll(cx))?;
                let mut permit = permit.take();
                if let Some(permit) = &mut permit {
                    permit.answered(response.status(), response.headers());
                }
                Poll::Ready(Ok(response.map(|body| AdmittedBody::new(body, permit))))
            }
        }
    }
}
