use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, Instant, sleep};
use tonic::body::Body;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::DeadlineLayer;
use crate::deadline::parse_grpc_timeout;
use crate::deadline::{Deadline, Timeouts};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn request(timeout: Option<&str>, parent: Option<Duration>) -> Request<Body> {
    let mut request = Request::builder().uri("/test.Service/Method").body(Body::empty()).unwrap();
    if let Some(timeout) = timeout {
        request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    if let Some(left) = parent {
        request.extensions_mut().insert(Deadline(Instant::now() + left));
    }
    request
}

fn layer(default: Option<u64>, max: Option<u64>) -> DeadlineLayer {
    let timeouts = Timeouts { default: default.map(millis), max: max.map(millis) };
    DeadlineLayer::new(move |_: &str| timeouts)
}

/// What the channel is told: the header, and what the extensions say is left.
async fn told(
    layer: &DeadlineLayer,
    request: Request<Body>,
) -> Option<(Option<Duration>, Option<Duration>)> {
    let told = Arc::new(Mutex::new(None));
    let channel = {
        let told = told.clone();
        service_fn(move |request: Request<Body>| {
            let header = parse_grpc_timeout(request.headers()).unwrap();
            let left = request.extensions().get::<Deadline>().map(|deadline| deadline.remaining());
            *told.lock().unwrap() = Some((header, left));
            async { Ok::<_, Infallible>(Response::new(Body::empty())) }
        })
    };
    layer.layer(channel).oneshot(request).await.unwrap();
    let told = told.lock().unwrap();
    *told
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_that_of_the_caller_or_the_default_and_at_most_the_maximum() {
    for (default, max, wanted, expected) in [
        (None, None, None, None),
        (Some(100), None, None, Some(100)),
        (Some(100), None, Some("300m"), Some(300)),
        (Some(100), Some(200), Some("300m"), Some(200)),
        (Some(300), Some(200), None, Some(200)),
        (None, Some(200), None, Some(200)),
        (None, None, Some("300m"), Some(300)),
        (Some(u64::MAX), None, None, Some(262_800 * 3_600_000)),
    ] {
        let (header, left) = told(&layer(default, max), request(wanted, None)).await.unwrap();
        assert_eq!(header, expected.map(millis), "{default:?} {max:?} {wanted:?}");
        assert_eq!(left, header);
    }
}

#[tokio::test(start_paused = true)]
async fn each_method_has_timeouts_of_its_own() {
    let layer = DeadlineLayer::new(|path: &str| match path {
        "/test.Service/Method" => Timeouts { default: Some(millis(70)), max: None },
        _ => Timeouts::default(),
    });
    assert_eq!(told(&layer, request(None, None)).await.unwrap().0, Some(millis(70)));
    let mut other = request(None, None);
    *other.uri_mut() = "/test.Service/Other".parse().unwrap();
    assert_eq!(told(&layer, other).await.unwrap().0, None);
}

#[tokio::test(start_paused = true)]
async fn a_call_within_another_has_less_time_than_that_one_has_left() {
    let micros = Duration::from_micros;
    for (left, margin, expected) in [
        (millis(1000), None, millis(995)),
        (millis(50), None, millis(45)),
        (millis(20), None, millis(18)),
        (micros(100), None, micros(90)),
        (millis(1000), Some(millis(70)), millis(930)),
        (millis(1000), Some(millis(700)), millis(900)),
    ] {
        let mut layer = layer(Some(60_000), None);
        if let Some(margin) = margin {
            layer = layer.margin(margin);
        }
        let (header, told) = told(&layer, request(Some("9S"), Some(left))).await.unwrap();
        assert_eq!((header, told), (Some(expected), Some(expected)), "{left:?} {margin:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_hop_has_less_time_than_the_one_before_it() {
    let layer = layer(None, None);
    let mut left = millis(2000);
    for _ in 0..200 {
        let (header, told) = told(&layer, request(None, Some(left))).await.unwrap();
        assert!(header < Some(left) && told < Some(left), "{header:?} {told:?} of {left:?}");
        left = header.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_time_or_with_a_timeout_that_is_none_is_not_sent() {
    for (timeout, parent, code) in
        [(None, Some(Duration::ZERO), "4"), (Some("0S"), None, "4"), (Some("soon"), None, "13")]
    {
        let channel = service_fn(|_: Request<Body>| async {
            panic!("was sent") as Result<Response<Body>, Infallible>
        });
        let service = layer(None, None).layer(channel);
        let response = service.oneshot(request(timeout, parent)).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], code, "{timeout:?} {parent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_while_it_waits_for_a_head() {
    let channel =
        service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let start = Instant::now();
    let response = layer(Some(250), None).layer(channel).oneshot(request(None, None)).await;
    assert_eq!(response.unwrap().headers()["grpc-status"], "4");
    assert_eq!(start.elapsed(), millis(250));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_its_deadline_too() {
    let channel = service_fn(|_: Request<Body>| async {
        let ticks = futures_util::stream::unfold((), |()| async {
            sleep(millis(100)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(Box::pin(ticks)))))
    });
    let start = Instant::now();
    let response = layer(Some(350), None).layer(channel).oneshot(request(None, None)).await;
    let collected = response.unwrap().into_body().collect().await.unwrap();
    let trailers: &HeaderMap = collected.trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "4");
    assert_eq!((collected.to_bytes().len(), start.elapsed()), (3, millis(350)));
}
