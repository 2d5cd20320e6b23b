use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::{Duration, Instant, sleep};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{Deadline, DeadlineLayer, Timeouts};
use crate::selector::Selector;

/// A body that gives a frame every 100 ms for ever.
struct Ticking(std::pin::Pin<Box<tokio::time::Sleep>>);

impl http_body::Body for Ticking {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.0.as_mut().poll(cx));
        self.0 = Box::pin(sleep(Duration::from_millis(100)));
        std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"tick")))))
    }
}

fn request(timeout: &str) -> Request<()> {
    Request::builder()
        .header("content-type", "application/grpc")
        .header("grpc-timeout", timeout)
        .body(())
        .unwrap()
}

fn status(headers: &HeaderMap) -> &str {
    headers.get("grpc-status").unwrap().to_str().unwrap()
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_handler_is_dropped_at_the_deadline_and_answered_deadline_exceeded() {
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = dropped.clone();
    let inner = service_fn(move |_: Request<()>| {
        let guard = SetOnDrop(guard.clone());
        async move {
            let _guard = guard;
            std::future::pending::<Result<Response<Ticking>, Infallible>>().await
        }
    });
    let start = Instant::now();
    let response = DeadlineLayer::default().layer(inner).oneshot(request("250m")).await.unwrap();
    assert_eq!(status(response.headers()), "4");
    assert!(
        start.elapsed() >= Duration::from_millis(250)
            && start.elapsed() < Duration::from_millis(260)
    );
    assert!(dropped.load(Ordering::Relaxed), "the handler outlived its deadline");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_the_deadline_with_trailers() {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Ticking(Box::pin(sleep(Duration::from_millis(100))))))
    });
    let response = DeadlineLayer::default().layer(inner).oneshot(request("350m")).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(status(collected.trailers().unwrap()), "4");
    assert_eq!(collected.to_bytes().len(), "tick".len() * 3);
}

#[tokio::test]
async fn expired_and_malformed_timeouts_never_reach_the_handler() {
    for (timeout, code) in [("0S", "4"), ("abc", "13"), ("123456789S", "13")] {
        let inner = service_fn(|_: Request<()>| async {
            panic!("the handler was called");
            #[expect(unreachable_code, reason = "gives the closure its type")]
            Ok::<Response<Ticking>, Infallible>(Response::new(Ticking(Box::pin(sleep(
                Duration::ZERO,
            )))))
        });
        let response =
            DeadlineLayer::default().layer(inner).oneshot(request(timeout)).await.unwrap();
        assert_eq!(status(response.headers()), code, "{timeout}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_is_told_what_is_left() {
    let inner = service_fn(|request: Request<()>| async move {
        let left = request.extensions().get::<Deadline>().unwrap().remaining();
        assert_eq!(left, Duration::from_secs(3));
        Ok::<_, Infallible>(Response::new(Ticking(Box::pin(sleep(Duration::ZERO)))))
    });
    DeadlineLayer::default().layer(inner).oneshot(request("3S")).await.unwrap();
}

/// How long a call to a method may take whose caller asks for `wanted`, as its handler sees it.
async fn granted(method: &str, wanted: Option<&str>) -> Option<u64> {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let timeouts = Selector::builder(Timeouts { default: seconds(10), max: seconds(60) })
        .on("/test.Service/Most", Timeouts { default: None, max: seconds(5) })
        .on("/test.Service/Dump", Timeouts::default())
        .build()
        .unwrap();
    let inner = service_fn(|request: Request<()>| async move {
        let left = request.extensions().get::<Deadline>().map(|deadline| deadline.remaining());
        let body = http_body_util::Empty::<Bytes>::new();
        Ok::<_, Infallible>(Response::builder().extension(left).body(body).unwrap())
    });
    let mut request = Request::builder()
        .uri(format!("/test.Service/{method}"))
        .header("content-type", "application/grpc");
    if let Some(wanted) = wanted {
        request = request.header("grpc-timeout", wanted);
    }
    let layer = DeadlineLayer::new(timeouts);
    let response = layer.layer(inner).oneshot(request.body(()).unwrap()).await.unwrap();
    let left = response.extensions().get::<Option<Duration>>().copied().flatten();
    left.map(|left| left.as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_method_has_a_default_and_a_maximum_whatever_its_caller_asks_for() {
    for (method, wanted, expected) in [
        ("Get", None, Some(10)),
        ("Get", Some("3S"), Some(3)),
        ("Get", Some("59S"), Some(59)),
        ("Get", Some("1H"), Some(60)),
        ("Most", None, Some(5)),
        ("Most", Some("1H"), Some(5)),
        ("Dump", None, None),
        ("Dump", Some("2H"), Some(7200)),
    ] {
        assert_eq!(granted(method, wanted).await, expected, "{method} {wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_nobody_gave_a_timeout_is_stopped_at_the_default() {
    let timeouts = Timeouts { default: Some(Duration::from_secs(10)), max: None };
    let dropped = Arc::new(AtomicBool::new(false));
    let inside = dropped.clone();
    let inner = service_fn(move |_: Request<()>| {
        let inside = SetOnDrop(inside.clone());
        async move {
            let _inside = inside;
            std::future::pending::<Result<Response<Ticking>, Infallible>>().await
        }
    });
    let start = Instant::now();
    let request = Request::builder().header("content-type", "application/grpc").body(()).unwrap();
    let layer = DeadlineLayer::new(Selector::from(timeouts));
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(status(response.headers()), "4");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert!(dropped.load(Ordering::Relaxed));
}

/// A body that has a frame ready whenever it is asked.
struct Eager;

impl http_body::Body for Eager {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_waits_does_not_outrun_its_deadline() {
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Eager)) });
    let response = DeadlineLayer::default().layer(inner).oneshot(request("5S")).await.unwrap();
    let mut body = response.into_body();
    for second in 0..5 + 16 {
        let frame = body.frame().await.unwrap().unwrap();
        if let Some(trailers) = frame.trailers_ref() {
            assert!(second >= 5, "ended after {second} s");
            assert_eq!(status(trailers), "4");
            return;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    panic!("it went on for ever");
}
