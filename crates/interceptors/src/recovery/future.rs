use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Response, StatusCode, Uri};
use pin_project_lite::pin_project;

use super::{RecoveryBody, log, status};

pin_project! {
    /// The future of [`Recovery`](super::Recovery).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // None: it has panicked.
        #[pin]
        inner: Option<F>,
        uri: Uri,
        grpc: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: Option<F>, uri: Uri, grpc: bool) -> Self {
        Self { inner, uri, grpc }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<RecoveryBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(inner) = this.inner.as_mut().as_pin_mut() {
            match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => {
                    let (uri, grpc) = (this.uri.clone(), *this.grpc);
                    return Poll::Ready(
                        result.map(|head| head.map(|body| RecoveryBody::new(body, uri, grpc))),
                    );
                }
                Err(panic) => log(this.uri, &*panic),
            }
        }
        this.inner.set(None);
        let mut response = Response::new(());
        if *this.grpc {
            response = status().into_http();
        } else {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Poll::Ready(Ok(response.map(|()| RecoveryBody::ended())))
    }
}
