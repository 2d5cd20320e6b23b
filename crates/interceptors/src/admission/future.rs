use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{AdmittedBody, Refusal};
use crate::grpc_only::is_grpc;
use crate::observe::CallRecord;

/// What a call holds until its body ends. It is given back by being dropped, whichever way the call ends.
pub trait Permit {
    /// The head of the response has come.
    fn answered(&mut self, _status: StatusCode, _headers: &HeaderMap) {}
}

/// Of a call that had to pass, and has nothing to give back.
impl Permit for () {}

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
    /// Makes the call if it may be made.
    pub(crate) fn of<S, B>(
        service: &mut S,
        request: Request<B>,
        decision: Result<P, Refusal>,
    ) -> Self
    where
        S: Service<Request<B>, Future = F>,
    {
        let state = match decision {
            Ok(permit) => State::Admitted { inner: service.call(request), permit: Some(permit) },
            Err(refusal) => {
                if let Some(record) = request.extensions().get::<CallRecord>() {
                    record.note("Refused by a limit");
                }
                State::Refused { refusal, grpc: is_grpc(request.headers()) }
            }
        };
        Self { state }
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
