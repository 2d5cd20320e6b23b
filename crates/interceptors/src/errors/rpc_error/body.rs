use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::message::add;

pin_project! {
    /// A response body whose trailers tell an error in the older form as well.
    #[derive(Debug)]
    pub struct RpcErrorBody<B> {
        #[pin]
        inner: B,
        by_alias: bool,
    }
}

impl<B> RpcErrorBody<B> {
    pub(super) fn new(inner: B, by_alias: bool) -> Self {
        Self { inner, by_alias }
    }
}

impl<B: Body> Body for RpcErrorBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.inner.poll_frame(cx));
        if *this.by_alias
            && let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            add(trailers);
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
