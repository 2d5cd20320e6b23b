use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use super::{RecoveryBody, log, status};

pin_project! {
    /// The future of [`Recovery`](super::Recovery).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // None: it has panicked.
        inner: Option<Pin<Box<F>>>,
        path: Option<PathAndQuery>,
        grpc: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: Option<Pin<Box<F>>>, path: Option<PathAndQuery>, grpc: bool) -> Self {
        Self { inner, path, grpc }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<RecoveryBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(inner) = this.inner {
            match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => {
                    let (path, grpc) = (this.path.take(), *this.grpc);
                    return Poll::Ready(
                        result.map(|head| head.map(|body| RecoveryBody::new(body, path, grpc))),
                    );
                }
                Err(panic) => log(this.path.as_ref(), &*panic),
            }
        }
        *this.inner = None;
        let mut response = Response::new(());
        if *this.grpc {
            response = status().into_http();
        } else {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Poll::Ready(Ok(response.map(|()| RecoveryBody::ended())))
    }
}
