use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{CallRecord, MessageCounter};

pin_project! {
    /// A request body whose bytes and messages are counted as the handler reads them.
    #[derive(Debug)]
    pub struct ObservedRequestBody<B> {
        #[pin]
        inner: B,
        record: Option<CallRecord>,
        received: MessageCounter,
    }
}

impl<B> ObservedRequestBody<B> {
    pub(super) fn new(inner: B, record: Option<CallRecord>) -> Self {
        Self { inner, record, received: MessageCounter::default() }
    }
}

impl<B: Body> Body for ObservedRequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(Ok(frame)), Some(record)) = (&frame, this.record)
            && let Some(data) = frame.data_ref()
        {
            record.read(data, this.received);
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
