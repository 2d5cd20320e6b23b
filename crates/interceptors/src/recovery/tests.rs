use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::RecoveryLayer;
use crate::log_lines::Lines;

/// Gives one frame, then panics.
struct Panicking(bool);

impl http_body::Body for Panicking {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(std::mem::take(&mut self.0), "body");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

fn request() -> Request<()> {
    Request::builder().header("content-type", "application/grpc").body(()).unwrap()
}

/// Every test here logs, and a place that logs for the first time while nobody listens may stay silent for the test that does.
fn subscribed() -> tracing::subscriber::DefaultGuard {
    Lines::default().subscribe()
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_internal_without_its_text() {
    let _log = subscribed();
    let inner = service_fn(|_: Request<()>| async {
        panic!("secret") as Result<Response<Panicking>, Infallible>
    });
    let response = RecoveryLayer.layer(inner).oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "13");
    assert!(!response.headers()["grpc-message"].to_str().unwrap().contains("secret"));
}

#[tokio::test]
async fn a_service_that_panics_in_call_is_answered_internal() {
    let _log = subscribed();
    let inner = service_fn(
        |_: Request<()>| -> std::future::Ready<Result<Response<Panicking>, Infallible>> {
            panic!()
        },
    );
    let response = RecoveryLayer.layer(inner).oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "13");
}

#[tokio::test]
async fn a_stream_that_panics_ends_with_internal_in_its_trailers() {
    let _log = subscribed();
    let inner =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Panicking(true))) });
    let response = RecoveryLayer.layer(inner).oneshot(request()).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "13");
    assert_eq!(collected.to_bytes(), "x");
}

#[tokio::test]
async fn plain_http_is_answered_500() {
    let _log = subscribed();
    let inner =
        service_fn(|_: Request<()>| async { panic!() as Result<Response<Panicking>, Infallible> });
    let response = RecoveryLayer.layer(inner).oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.status(), 500);
}

#[tokio::test]
async fn a_panic_is_logged_with_the_method_that_was_called() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let inner = service_fn(|_: Request<()>| async {
        panic!("out of ink") as Result<Response<Panicking>, Infallible>
    });
    let call = Request::builder().uri("/greet.v1.GreetService/Greet").body(()).unwrap();
    RecoveryLayer.layer(inner).oneshot(call).await.unwrap();
    let text = lines.text();
    assert!(text.contains("out of ink") && text.contains("/greet.v1.GreetService/Greet"), "{text}");
}
