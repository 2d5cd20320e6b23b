use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{AdmittedBody, Permit, Refusal, ResponseFuture};
use crate::observe::CallRecord;

/// Decides which calls may be made.
pub trait Admit {
    /// What a call that may be made holds until its body ends.
    type Permit: Permit;

    /// Lets the call pass, or says what to answer in its place.
    ///
    /// # Errors
    /// The answer.
    fn admit<B>(&self, request: &Request<B>) -> Result<Self::Permit, Refusal>;
}

/// Both have to let a call pass; the first is asked first.
impl<A: Admit, B: Admit> Admit for (A, B) {
    type Permit = (A::Permit, B::Permit);

    fn admit<R>(&self, request: &Request<R>) -> Result<Self::Permit, Refusal> {
        Ok((self.0.admit(request)?, self.1.admit(request)?))
    }
}

/// Several that decide in one layer: each layer more moves a call, its future and its body once more.
#[derive(Clone, Debug)]
pub struct AdmissionLayer<A>(pub A);

impl<S, A: Clone> Layer<S> for AdmissionLayer<A> {
    type Service = Admission<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(inner, self.0.clone())
    }
}

/// A service that makes only the calls that `A` lets pass.
#[derive(Clone, Debug)]
pub struct Admission<S, A> {
    inner: S,
    admits: A,
}

impl<S, A> Admission<S, A> {
    pub(crate) fn new(inner: S, admits: A) -> Self {
        Self { inner, admits }
    }
}

impl<S, A, B, R> Service<Request<B>> for Admission<S, A>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
    A: Admit,
{
    type Response = Response<AdmittedBody<R, A::Permit>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, A::Permit>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.admits.admit(&request) {
            Ok(permit) => ResponseFuture::admitted(self.inner.call(request), permit),
            Err(refusal) => {
                if let Some(record) = request.extensions().get::<CallRecord>() {
                    record.note("Refused by a limit");
                }
                ResponseFuture::refused(refusal, request.headers())
            }
        }
    }
}
