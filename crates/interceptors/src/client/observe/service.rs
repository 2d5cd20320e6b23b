use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::request_body::CountedBody;
use super::{
    BoxError, ObservedBody, ObservedCall, ObservedFuture, Observer, OutgoingCall, Told, status_of,
};

/// Tells observers of every call of a client. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct ObserveLayer<O> {
    observer: O,
}

impl<O> ObserveLayer<O> {
    /// Tells `observer`, which may be a tuple of several.
    pub fn new(observer: O) -> Self {
        Self { observer }
    }
}

impl<S, O: Clone> Layer<S> for ObserveLayer<O> {
    type Service = Observe<S, O>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe { inner, observer: self.observer.clone() }
    }
}

/// The service of [`ObserveLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Observe<S, O> {
    inner: S,
    observer: O,
}

impl<S, O, R> Service<Request<Body>> for Observe<S, O>
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    O: Observer,
{
    type Response = Response<ObservedBody<R, Told<O::Call>>>;
    type Error = Status;
    type Future = ObservedFuture<S::Future, Told<O::Call>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx).map_err(status_of)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !self.observer.is_on() {
            return ObservedFuture::new(self.inner.call(request), None);
        }
        let mut call = OutgoingCall::new(request.uri());
        let (mut head, body) = request.into_parts();
        let observer = self.observer.start(&mut call, &mut head);
        let body = if O::Call::COUNTS && observer.is_some() {
            Body::new(CountedBody::new(body, call.count_sent()))
        } else {
            body
        };
        let told = observer.map(|observer| Told { call, observer });
        ObservedFuture::new(self.inner.call(Request::from_parts(head, body)), told)
    }
}
