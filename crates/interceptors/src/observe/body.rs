use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::ObservedCall;
use super::watched::Watched;

pin_project! {
    /// A response body that ends its call when it ends or is dropped.
    #[derive(Debug)]
    pub struct ObservedBody<B, C: ObservedCall> {
        #[pin]
        inner: B,
        call: Option<Box<Watched<C>>>,
    }
}

impl<B: Body, C: ObservedCall> ObservedBody<B, C> {
    pub(super) fn new(inner: B, mut call: Option<Box<Watched<C>>>) -> Self {
        // The server does not poll a body that is empty from the start.
        if let Some(call) = &mut call
            && call.wants_end_of_body()
            && inner.is_end_stream()
        {
            call.end_of_body();
        }
        Self { inner, call }
    }
}

impl<B: Body, C: ObservedCall> Body for ObservedBody<B, C> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(call) = this.call {
            if let Some(Ok(frame)) = &frame {
                if let Some(data) = frame.data_ref() {
                    call.sent(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    call.trailers(trailers);
                }
            }
            // Each body that is around another one is asked on the way, so this is not asked for nothing.
            if call.wants_end_of_body() && (frame.is_none() || this.inner.is_end_stream()) {
                call.end_of_body();
            }
        }
        if frame.is_none() {
            this.call.take();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
