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

use super::{Deadline, DeadlineLayer};

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
    let response = DeadlineLayer.layer(inner).oneshot(request("250m")).await.unwrap();
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
    let response = DeadlineLayer.layer(inner).oneshot(request("350m")).await.unwrap();
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
        let response = DeadlineLayer.layer(inner).oneshot(request(timeout)).await.unwrap();
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
    DeadlineLayer.layer(inner).oneshot(request("3S")).await.unwrap();
}
