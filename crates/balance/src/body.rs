//! The deadline of a call after the head of its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

use crate::status;

/// A response body that fails with DEADLINE_EXCEEDED when time is up. Dropping it resets the stream, so the server stops as well.
pub(crate) struct DeadlineBody {
    inner: Body,
    timer: Pin<Box<Sleep>>,
}

impl DeadlineBody {
    pub(crate) fn new(inner: Body, deadline: Instant) -> Self {
        Self { inner, timer: Box::pin(sleep_until(deadline)) }
    }
}

impl http_body::Body for DeadlineBody {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        std::task::ready!(self.timer.as_mut().poll(cx));
        self.inner = Body::empty();
        Poll::Ready(Some(Err(status::deadline_exceeded())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
