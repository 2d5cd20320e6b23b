use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::call::Call;

pin_project! {
    /// A response body that has its call logged when it ends or is dropped.
    #[derive(Debug)]
    pub struct AccessLogBody<B> {
        #[pin]
        inner: B,
        call: Option<Call>,
    }
}

impl<B: Body> AccessLogBody<B> {
    pub(super) fn new(inner: B, mut call: Option<Call>) -> Self {
        // The server does not poll a body that is empty from the start.
        if inner.is_end_stream()
            && let Some(call) = &mut call
        {
            call.end();
        }
        Self { inner, call }
    }
}

impl<B: Body> Body for AccessLogBody<B> {
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
                    call.sent(data.remaining());
                } else if let Some(trailers) = frame.trailers_ref() {
                    call.trailers(trailers);
                }
            }
            if frame.is_none() || this.inner.is_end_stream() {
                call.end();
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
