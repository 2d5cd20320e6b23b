use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::{BoxError, Ending, Observer, Watched, status_of};

pin_project! {
    /// A response body whose end its observer is told.
    #[derive(Debug)]
    pub struct ObservedBody<B, O: Observer> {
        #[pin]
        inner: B,
        observer: Watched<O>,
    }
}

impl<B, O: Observer> ObservedBody<B, O> {
    /// A body that is watched by `observer`; by nobody if the call is over already.
    pub(crate) fn new(inner: B, observer: Option<O>) -> Self {
        Self { inner, observer: Watched(observer) }
    }
}

impl<B, O> Body for ObservedBody<B, O>
where
    B: Body,
    B::Error: Into<BoxError>,
    O: Observer,
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
                    this.observer.ended(Ending::of_trailers(trailers));
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let status = status_of(error);
                this.observer.ended(Ending::Failed(&status));
                Some(Err(status))
            }
            None => {
                this.observer.ended(Ending::Truncated);
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
