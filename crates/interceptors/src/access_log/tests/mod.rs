use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::AccessLog;
use crate::log_lines::Lines;
use crate::observe::{CallRecord, ObserveLayer, ObservedRequestBody};

mod fields;
mod hostile;

type Req = Request<ObservedRequestBody<()>>;

fn request() -> Request<()> {
    Request::builder().uri("/greet.v1.GreetService/Greet?token=secret").body(()).unwrap()
}

fn streaming(
    code: Code,
) -> Response<impl http_body::Body<Data = Bytes, Error = Infallible> + Unpin> {
    let mut trailers = HeaderMap::new();
    Status::new(code, "a\nb").add_header(&mut trailers).unwrap();
    let frames = [Ok(Frame::data(Bytes::from_static(b"x"))), Ok(Frame::trailers(trailers))];
    let body = StreamBody::new(tokio_stream::iter(frames));
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

#[tokio::test]
async fn the_line_is_written_when_the_body_ends_and_has_the_code_of_the_trailers() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let inner = service_fn(|_: Req| async { Ok::<_, Infallible>(streaming(Code::NotFound)) });
    let response =
        ObserveLayer::new("greet-1", AccessLog).layer(inner).oneshot(request()).await.unwrap();
    assert_eq!(lines.text(), "", "the call is not over at the head");
    response.into_body().collect().await.unwrap();
    let text = lines.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in ["greet-1", "/greet.v1.GreetService/Greet", "NOT_FOUND", r"a\nb", "duration_ms"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_call_whose_body_is_dropped_early_is_cancelled() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let inner = service_fn(|_: Req| async { Ok::<_, Infallible>(streaming(Code::Ok)) });
    let response =
        ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request()).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert!(lines.text().contains("CANCELLED"), "{}", lines.text());
}

#[tokio::test]
async fn a_call_whose_handler_is_dropped_is_cancelled() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let inner =
        service_fn(|_: Req| std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    drop(ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request()));
    let mut call =
        tokio_test_poll(ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request()));
    assert!(call.take().is_none());
    assert_eq!(lines.text().matches("CANCELLED").count(), 1, "{}", lines.text());
}

/// Polls a future once and drops it.
fn tokio_test_poll<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_plain_http_answer_is_logged_with_its_status() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let inner = service_fn(|_: Req| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hi"))))
    });
    let response =
        ObserveLayer::new("gateway", AccessLog).layer(inner).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert!(
        lines.text().contains("GET /greet.v1.GreetService/Greet")
            && lines.text().contains("code=200")
    );
}
