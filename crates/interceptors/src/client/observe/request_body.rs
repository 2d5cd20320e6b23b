use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::call::Sent;
use crate::observe::MessageCounter;

pin_project! {
    /// A request body whose bytes and messages are counted as the connection reads them.
    #[derive(Debug)]
    pub(super) struct CountedBody<B> {
        #[pin]
        inner: B,
        sent: Arc<Sent>,
        counter: MessageCounter,
    }
}

impl<B> CountedBody<B> {
    pub(super) fn new(inner: B, sent: Arc<Sent>) -> Self {
        Self { inner, sent, counter: MessageCounter::default() }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.sent.send(data, this.counter);
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
