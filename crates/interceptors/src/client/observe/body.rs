use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::{BoxError, Ending, Watched, Watcher, status_of};

pin_project! {
    /// A response body whose end its watcher is told.
    #[derive(Debug)]
    pub struct ObservedBody<B, W: Watcher> {
        #[pin]
        inner: B,
        watcher: Watched<W>,
    }
}

impl<B, W: Watcher> ObservedBody<B, W> {
    /// A body that is watched by `watcher`; by nobody if the call is over already.
    pub(crate) fn new(inner: B, watcher: Option<W>) -> Self {
        Self { inner, watcher: Watched(watcher) }
    }
}

impl<B, W> Body for ObservedBody<B, W>
where
    B: Body,
    B::Error: Into<BoxError>,
    W: Watcher,
{
    type Data = B::Data;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        Poll::Ready(match ready!(this.inner.poll_frame(cx)) {
            Some(Ok(frame)) => {
                // A client stops reading here, so this is the end although the body has not said so yet.
                if let Some(trailers) = frame.trailers_ref() {
                    this.watcher.ended(Ending::of_trailers(trailers));
                } else if let (Some(data), Some(watcher)) = (frame.data_ref(), &mut this.watcher.0)
                {
                    watcher.data(data);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let status = status_of(error);
                this.watcher.ended(Ending::Failed(&status));
                Some(Err(status))
            }
            None => {
                this.watcher.ended(Ending::Truncated);
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
