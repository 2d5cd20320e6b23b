use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http::uri::PathAndQuery;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{log, status};

pin_project! {
    /// A response body whose panic ends the call with INTERNAL in the trailers.
    #[derive(Debug)]
    pub struct RecoveryBody<B> {
        // None: it has ended or panicked.
        #[pin]
        inner: Option<B>,
        path: Option<PathAndQuery>,
        grpc: bool,
    }
}

impl<B> RecoveryBody<B> {
    pub(super) fn new(inner: B, path: Option<PathAndQuery>, grpc: bool) -> Self {
        Self { inner: Some(inner), path, grpc }
    }

    pub(super) fn ended() -> Self {
        Self { inner: None, path: None, grpc: false }
    }
}

impl<B: Body> Body for RecoveryBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(cx))) {
            Ok(polled) => polled,
            Err(panic) => {
                log(this.path.as_ref(), &*panic);
                this.inner.set(None);
                let mut trailers = HeaderMap::new();
                let told = *this.grpc && status().add_header(&mut trailers).is_ok();
                Poll::Ready(told.then(|| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
