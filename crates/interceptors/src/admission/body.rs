use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a call that was admitted, which holds the permit until it ends or is dropped; that of one that was refused is empty.
    #[derive(Debug)]
    pub struct AdmittedBody<B, P> {
        #[pin]
        inner: Option<B>,
        permit: Option<P>,
    }
}

impl<B: Body, P> AdmittedBody<B, P> {
    pub(super) fn new(inner: B, permit: Option<P>) -> Self {
        Self { inner: Some(inner), permit }
    }

    pub(super) fn empty() -> Self {
        Self { inner: None, permit: None }
    }
}

impl<B: Body, P> Body for AdmittedBody<B, P> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = ready!(inner.poll_frame(cx));
        // A body that says that it is at its end is not asked again but dropped, and asking each body that is around another one costs more than it gives.
        if !matches!(&frame, Some(Ok(frame)) if frame.is_data()) {
            this.permit.take();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
