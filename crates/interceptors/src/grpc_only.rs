//! Tells a client that does not speak gRPC what it has reached, in words that it understands.
//!
//! HTTP/1.1 gets 505 with a sentence, a method other than POST 405, a content type that is not gRPC's 415. Source: PROTOCOL-HTTP2,
//! "Requests": if Content-Type does not begin with `application/grpc`, servers should answer with HTTP status 415.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::grpc_only::GrpcOnlyLayer;
//!
//! let service = GrpcOnlyLayer.layer(tonic::service::Routes::default());
//! ```

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::observe::CallRecord;

/// Refuses what is not gRPC. See the [module docs](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcOnlyLayer;

impl<S> Layer<S> for GrpcOnlyLayer {
    type Service = GrpcOnly<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GrpcOnly { inner }
    }
}

/// The service of [`GrpcOnlyLayer`].
#[derive(Clone, Copy, Debug)]
pub struct GrpcOnly<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for GrpcOnly<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match refusal(&request) {
            Some((status, text)) => Either::Left(ready(Ok(refused(status, text)))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}

/// Whether a content type is gRPC's: `application/grpc`, a codec behind `+` or a parameter behind `;`, and not `application/grpc-web`.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    match value.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// Whether a request is gRPC's: as the record of an observed call has it, which takes less than looking at the headers.
pub(crate) fn asks_grpc<B>(request: &Request<B>) -> bool {
    match request.extensions().get::<CallRecord>() {
        Some(record) => record.is_grpc(),
        None => is_grpc(request.headers()),
    }
}

fn refusal<B>(request: &Request<B>) -> Option<(StatusCode, &'static str)> {
    if request.version() < Version::HTTP_2 {
        let text = "this port speaks gRPC, which needs HTTP/2: use a gRPC client such as grpcurl, or the REST gateway\n";
        return Some((StatusCode::HTTP_VERSION_NOT_SUPPORTED, text));
    }
    if request.method() != Method::POST {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "gRPC calls are POST requests\n"));
    }
    let text = "gRPC calls have a content type that begins with application/grpc\n";
    (!asks_grpc(request)).then_some((StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

fn refused(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;

    async fn answered(version: Version, method: Method, content_type: Option<&str>) -> u16 {
        let inner = service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let mut request = Request::builder().version(version).method(method);
        if let Some(value) = content_type {
            request = request.header(header::CONTENT_TYPE, value);
        }
        GrpcOnlyLayer
            .layer(inner)
            .oneshot(request.body(()).unwrap())
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    #[tokio::test]
    async fn only_grpc_passes() {
        for (content_type, expected) in [
            (Some("application/grpc"), 200),
            (Some("application/grpc+proto"), 200),
            (Some("application/grpc;charset=x"), 200),
            (Some("application/grpc-web"), 415),
            (Some("application/grpcx"), 415),
            (Some("application/json"), 415),
            (None, 415),
        ] {
            assert_eq!(
                answered(Version::HTTP_2, Method::POST, content_type).await,
                expected,
                "{content_type:?}"
            );
        }
        assert_eq!(answered(Version::HTTP_2, Method::GET, Some("application/grpc")).await, 405);
        assert_eq!(answered(Version::HTTP_11, Method::POST, Some("application/grpc")).await, 505);
    }
}
