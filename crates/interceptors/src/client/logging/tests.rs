use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, sleep, timeout};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::CallLog;
use crate::client::observe::ObserveLayer;
use crate::client::retry::{RetryLayer, RetryPolicy};
use crate::log_lines::Lines;

fn request() -> Request<Body> {
    Request::builder()
        .uri("/greet.v1.GreetService/Greet?key=secret")
        .header("authorization", "Bearer secret")
        .body(Body::empty())
        .unwrap()
}

fn streaming(code: Code) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    Status::new(code, "a\nb").add_header(&mut trailers).unwrap();
    let frames =
        [Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))), Ok(Frame::trailers(trailers))];
    Response::new(Body::new(StreamBody::new(tokio_stream::iter(frames))))
}

fn assert_line(lines: &Lines, parts: &[&str]) {
    let text = lines.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in ["invoke remote", "method=\"/greet.v1.GreetService/Greet\"", "duration_ms="]
        .iter()
        .chain(parts)
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_line_is_written_when_the_body_ends_and_has_the_time_until_then() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let channel = service_fn(|_: Request<Body>| async {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, Status>(streaming(Code::Ok))
    });
    let response = ObserveLayer::new(CallLog).layer(channel).oneshot(request()).await.unwrap();
    assert_eq!(lines.text(), "", "the call is not over at the head");
    sleep(Duration::from_millis(22)).await;
    response.into_body().collect().await.unwrap();
    assert_line(&lines, &["code=\"OK\"", "duration_ms=42"]);
    assert!(!lines.text().contains("error"));
}

#[tokio::test]
async fn every_way_to_fail_is_one_line_with_code_and_error() {
    for (row, parts) in [
        ["code=\"NOT_FOUND\"", "error=\"a\\nb\""],
        ["code=\"NOT_FOUND\"", "error=\"a\\nb\""],
        ["code=\"UNAVAILABLE\"", "error=\"a\\nb\""],
        ["code=\"UNKNOWN\"", "without a status"],
        ["code=\"DATA_LOSS\"", "error=\"torn\""],
    ]
    .iter()
    .enumerate()
    {
        let lines = Lines::default();
        let _guard = lines.subscribe();
        let channel = service_fn(move |_: Request<Body>| async move {
            let failing = [Err::<Frame<Bytes>, _>(Status::data_loss("torn"))];
            Ok(match row {
                0 => streaming(Code::NotFound),
                1 => Status::not_found("a\nb").into_http(),
                2 => return Err(Status::unavailable("a\nb")),
                3 => Response::new(Body::empty()),
                _ => Response::new(Body::new(StreamBody::new(tokio_stream::iter(failing)))),
            })
        });
        if let Ok(response) = ObserveLayer::new(CallLog).layer(channel).oneshot(request()).await {
            let _ = response.into_body().collect().await;
        }
        assert_line(&lines, parts);
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_cancelled() {
    for head in [true, false] {
        let lines = Lines::default();
        let _guard = lines.subscribe();
        let channel = service_fn(move |_: Request<Body>| async move {
            if !head {
                std::future::pending::<()>().await;
            }
            Ok::<_, Status>(streaming(Code::Ok))
        });
        let call = ObserveLayer::new(CallLog).layer(channel).oneshot(request());
        tokio::select! {
            biased;
            response = call => drop(response),
            () = std::future::ready(()) => {}
        }
        assert_line(&lines, &["code=\"CANCELLED\""]);
    }
}

#[tokio::test(start_paused = true)]
async fn above_a_retry_layer_it_is_one_line_that_counts_the_attempts() {
    let millis = Duration::from_millis;
    let policy = RetryPolicy::try_new(3, millis(1), millis(1), 1.0, [Code::Unavailable]).unwrap();
    let retry = RetryLayer::new(move |_: &str| Some(policy.into()));
    for fails in [true, false] {
        let lines = Lines::default();
        let _guard = lines.subscribe();
        let channel = service_fn(move |request: Request<Body>| async move {
            let previous = request.headers().get("grpc-previous-rpc-attempts");
            if fails || previous.is_none_or(|previous| previous != "2") {
                return Err(Status::unavailable("down"));
            }
            Ok(streaming(Code::Ok))
        });
        let call = ObserveLayer::new(CallLog).layer(retry.layer(channel)).oneshot(request());
        if let Ok(response) = timeout(Duration::from_secs(60), call).await.unwrap() {
            response.into_body().collect().await.unwrap();
        }
        assert_line(&lines, &["attempts=3"]);
    }
}
