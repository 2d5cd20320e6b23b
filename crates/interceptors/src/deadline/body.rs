use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::EXCEEDED;
use super::timer::Timer;

pin_project! {
    /// The body of a call with a deadline: past it, trailers with DEADLINE_EXCEEDED take the place of what was to come.
    #[derive(Debug)]
    pub struct DeadlineBody<B> {
        // None: the call is over, and whatever the inner body held is dropped.
        #[pin]
        inner: Option<B>,
        timer: Option<Timer>,
    }
}

impl<B> DeadlineBody<B> {
    pub(super) fn new(inner: B, timer: Option<Timer>) -> Self {
        Self { inner: Some(inner), timer }
    }

    pub(super) fn empty() -> Self {
        Self { inner: None, timer: None }
    }
}

impl<B: Body> Body for DeadlineBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        // A body that always has a frame ready must not outrun its time, so the clock is asked now and then.
        let mut over = this.timer.as_mut().is_some_and(Timer::is_over);
        if !over {
            if let Poll::Ready(frame) = inner.poll_frame(cx) {
                if frame.is_none() {
                    this.inner.set(None);
                }
                return Poll::Ready(frame);
            }
            over = this.timer.as_mut().is_some_and(|timer| timer.poll(cx).is_ready());
        }
        if !over {
            return Poll::Pending;
        }
        this.inner.set(None);
        Poll::Ready(Some(Ok(Frame::trailers(trailers()))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // The text is a constant that fits a header, so this cannot fail.
    let _ = Status::deadline_exceeded(EXCEEDED).add_header(&mut trailers);
    trailers
}
