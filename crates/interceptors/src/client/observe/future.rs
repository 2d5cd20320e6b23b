use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tonic::Status;

use super::{BoxError, Ending, ObservedBody, Observer, Watched, head_code, status_of};

pin_project! {
    /// The future of a call whose end its observer is told.
    #[derive(Debug)]
    pub struct ObservedFuture<F, O: Observer> {
        #[pin]
        inner: F,
        observer: Watched<O>,
    }
}

impl<F, O: Observer> ObservedFuture<F, O> {
    pub(crate) fn new(inner: F, observer: O) -> Self {
        Self { inner, observer: Watched(Some(observer)) }
    }
}

impl<F, B, E, O> Future for ObservedFuture<F, O>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    O: Observer,
{
    type Output = Result<Response<ObservedBody<B, O>>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match ready!(this.inner.poll(cx)) {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                if let Some(observer) = &mut this.observer.0 {
                    observer.head(&parts);
                }
                if let Some(code) = head_code(parts.status, &parts.headers) {
                    this.observer.ended(Ending::Status { code, metadata: &parts.headers });
                }
                let body = ObservedBody::new(body, this.observer.0.take());
                Poll::Ready(Ok(Response::from_parts(parts, body)))
            }
            Err(error) => {
                let status = status_of(error);
                this.observer.ended(Ending::Failed(&status));
                Poll::Ready(Err(status))
            }
        }
    }
}
