use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::RpcErrorBody;
use super::message::add;

pin_project! {
    /// The future of [`RpcErrorService`](super::RpcErrorService).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        by_alias: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, by_alias: bool) -> Self {
        Self { inner, by_alias }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<RpcErrorBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if *this.by_alias {
            // The status is here when the answer is nothing but trailers.
            add(response.headers_mut());
        }
        Poll::Ready(Ok(response.map(|body| RpcErrorBody::new(body, *this.by_alias))))
    }
}
