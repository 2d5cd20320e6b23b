use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::watched::Watched;
use super::{ObservedBody, ObservedCall};

pin_project! {
    /// The future of [`Observe`](super::Observe).
    #[derive(Debug)]
    pub struct ResponseFuture<F, C: ObservedCall> {
        #[pin]
        inner: F,
        call: Option<Box<Watched<C>>>,
    }
}

impl<F, C: ObservedCall> ResponseFuture<F, C> {
    pub(super) fn new(inner: F, call: Option<Box<Watched<C>>>) -> Self {
        Self { inner, call }
    }
}

impl<F, B, E, C> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body,
    C: ObservedCall,
{
    type Output = Result<Response<ObservedBody<B, C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let mut call = this.call.take();
        if let Some(call) = &mut call {
            call.head(&response);
        }
        Poll::Ready(Ok(response.map(|body| ObservedBody::new(body, call))))
    }
}
