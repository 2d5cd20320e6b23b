use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tonic::Status;

use super::{BoxError, Ending, ObservedBody, Watched, Watcher, head_code, status_of};

pin_project! {
    /// The future of a call whose end its watcher is told.
    #[derive(Debug)]
    pub struct ObservedFuture<F, W: Watcher> {
        #[pin]
        inner: F,
        watcher: Watched<W>,
    }
}

impl<F, W: Watcher> ObservedFuture<F, W> {
    /// A call that is watched by `watcher`; by nobody if there is none.
    pub(crate) fn new(inner: F, watcher: Option<W>) -> Self {
        Self { inner, watcher: Watched(watcher) }
    }
}

impl<F, B, E, W> Future for ObservedFuture<F, W>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    W: Watcher,
{
    type Output = Result<Response<ObservedBody<B, W>>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match ready!(this.inner.poll(cx)) {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                if let Some(watcher) = &mut this.watcher.0 {
                    watcher.head(&parts);
                }
                if let Some(code) = head_code(parts.status, &parts.headers) {
                    this.watcher.ended(Ending::Status { code, metadata: &parts.headers });
                }
                let body = ObservedBody::new(body, this.watcher.0.take());
                Poll::Ready(Ok(Response::from_parts(parts, body)))
            }
            Err(error) => {
                let status = status_of(error);
                this.watcher.ended(Ending::Failed(&status));
                Poll::Ready(Err(status))
            }
        }
    }
}
