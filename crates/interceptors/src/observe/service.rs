use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::watched::Watched;
use super::{CallRecord, ObservedBody, ObservedRequestBody, Observer, ResponseFuture};

/// Tells observers of every call of a server. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct ObserveLayer<O> {
    server: Arc<str>,
    observer: O,
}

impl<O> ObserveLayer<O> {
    /// Tells `observer`, which may be a tuple of several, of calls as those of `server`: several servers may share a process.
    pub fn new(server: impl Into<Arc<str>>, observer: O) -> Self {
        Self { server: server.into(), observer }
    }
}

impl<S, O: Clone> Layer<S> for ObserveLayer<O> {
    type Service = Observe<S, O>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe { server: self.server.clone(), observer: self.observer.clone(), inner }
    }
}

/// The service of [`ObserveLayer`].
#[derive(Clone, Debug)]
pub struct Observe<S, O> {
    server: Arc<str>,
    observer: O,
    inner: S,
}

impl<S, O, B, R> Service<Request<B>> for Observe<S, O>
where
    S: Service<Request<ObservedRequestBody<B>>, Response = Response<R>>,
    O: Observer,
    R: http_body::Body,
{
    type Response = Response<ObservedBody<R, O::Call>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, O::Call>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.observer.is_on() {
            let request = request.map(|body| ObservedRequestBody::new(body, None));
            return ResponseFuture::new(self.inner.call(request), None);
        }
        let record = CallRecord::new(self.server.clone(), &request);
        let (mut head, body) = request.into_parts();
        let call = self.observer.start(&record, &mut head);
        if call.is_some() {
            head.extensions.insert(record.clone());
        }
        let body = ObservedRequestBody::new(body, call.is_some().then(|| record.clone()));
        // Boxed: it goes from the future into the body, and every layer outside moves both.
        let call = call.map(|call| Box::new(Watched::new(record, call)));
        ResponseFuture::new(self.inner.call(Request::from_parts(head, body)), call)
    }
}
