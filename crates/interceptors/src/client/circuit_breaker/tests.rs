use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, advance};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    BreakerFuture, CircuitBreaker, CircuitBreakerConfig, CircuitBreakerLayer, CircuitOpen,
    InvalidCircuitBreaker, State,
};
use crate::client::deadline::DeadlineLayer;
use crate::deadline::Timeouts;

const SECOND: Duration = Duration::from_secs(1);

/// Opens after three failures in a row, for 1 s, 2 s, 4 s … at most 8 s, without jitter.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::default().consecutive_failures(3).delays(SECOND, 8 * SECOND, 0.0).unwrap()
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new("accounts", config())
}

/// A call that is answered with a code; Err when the breaker refuses it.
async fn call(breaker: &CircuitBreaker, code: Code) -> Result<(), Status> {
    let sent = Arc::new(AtomicUsize::new(0));
    let channel = {
        let sent = sent.clone();
        service_fn(move |_: Request<Body>| {
            sent.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<Response<Body>, Status>(Status::new(code, "").into_http()) }
        })
    };
    let service = CircuitBreakerLayer::new(breaker.clone()).layer(channel);
    let result = service.oneshot(Request::new(Body::empty())).await;
    assert_eq!(sent.load(Ordering::Relaxed), usize::from(result.is_ok()), "refused or sent");
    result.map(drop)
}

async fn fail(breaker: &CircuitBreaker, times: usize) {
    for _ in 0..times {
        call(breaker, Code::Unavailable).await.unwrap();
    }
}

type Answer = Result<Response<Body>, Status>;

/// A call that is under way, and by what it is answered.
fn pending(
    breaker: &CircuitBreaker,
) -> (oneshot::Sender<Answer>, BreakerFuture<BoxFuture<'static, Answer>, Body>) {
    let (sender, receiver) = oneshot::channel::<Answer>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let channel = service_fn(move |_: Request<Body>| -> BoxFuture<'static, Answer> {
        let receiver = receiver.lock().unwrap().take().unwrap();
        Box::pin(async move { receiver.await.unwrap() })
    });
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(channel);
    (sender, service.call(Request::new(Body::empty())))
}

/// The head of a stream that then ends with a code.
fn streaming(code: Code) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    Status::new(code, "").add_header(&mut trailers).unwrap();
    let frames = [Ok::<_, Status>(Frame::trailers(trailers))];
    Response::new(Body::new(StreamBody::new(tokio_stream::iter(frames))))
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_calls_then_fail_at_once_by_its_name() {
    let breaker = breaker();
    fail(&breaker, 2).await;
    call(&breaker, Code::Ok).await.unwrap();
    fail(&breaker, 2).await;
    assert_eq!(breaker.state(), State::Closed, "not in a row");
    fail(&breaker, 1).await;
    assert_eq!(breaker.state(), State::Open);
    let start = Instant::now();
    let status = call(&breaker, Code::Ok).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "circuit breaker accounts is open, for another 1.0s");
    let source = std::error::Error::source(&status).unwrap();
    assert_eq!(source.downcast_ref::<CircuitOpen>().unwrap().name(), "accounts");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_succeeds_closes_it_and_one_that_fails_doubles_the_delay() {
    let breaker = breaker();
    fail(&breaker, 3).await;
    for delay in [1, 2, 4, 8, 8] {
        advance(delay * SECOND - Duration::from_millis(1)).await;
        call(&breaker, Code::Ok).await.unwrap_err();
        advance(Duration::from_millis(1)).await;
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open, "after {delay} s");
    }
    advance(8 * SECOND).await;
    call(&breaker, Code::Ok).await.unwrap();
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 2).await;
    assert_eq!(breaker.state(), State::Closed, "it counts from the beginning");
    fail(&breaker, 1).await;
    advance(SECOND).await;
    call(&breaker, Code::Ok).await.unwrap();
    assert_eq!(breaker.state(), State::Closed, "and so do the delays");
}

#[tokio::test(start_paused = true)]
async fn exactly_one_call_is_the_probe() {
    let breaker = breaker();
    fail(&breaker, 3).await;
    advance(SECOND).await;
    let (answer, probe) = pending(&breaker);
    assert_eq!(breaker.state(), State::HalfOpen);
    for _ in 0..10 {
        call(&breaker, Code::Ok).await.unwrap_err();
    }
    // A slow server is not a failing one.
    advance(5 * SECOND).await;
    call(&breaker, Code::Ok).await.unwrap_err();
    answer.send(Ok(Status::ok("").into_http())).unwrap();
    probe.await.unwrap();
    assert_eq!(breaker.state(), State::Closed);
    call(&breaker, Code::Ok).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_or_has_no_answer_makes_room_for_the_next() {
    let breaker = breaker();
    fail(&breaker, 3).await;
    advance(SECOND).await;
    let (_answer, probe) = pending(&breaker);
    drop(probe);
    let (late, stuck) = pending(&breaker);
    call(&breaker, Code::Ok).await.unwrap_err();
    advance(8 * SECOND).await;
    call(&breaker, Code::NotFound).await.unwrap();
    assert_eq!(breaker.state(), State::Closed);
    late.send(Err(Status::unavailable("late"))).unwrap();
    stuck.await.err().unwrap();
    fail(&breaker, 2).await;
    assert_eq!(breaker.state(), State::Closed, "the late answer does not count");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_replaced_does_not_decide_any_more() {
    let breaker = breaker();
    fail(&breaker, 3).await;
    advance(SECOND).await;
    let (late, first) = pending(&breaker);
    advance(8 * SECOND).await;
    let (_answer, _second) = pending(&breaker);
    late.send(Ok(streaming(Code::Ok))).unwrap();
    first.await.map(drop).unwrap();
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn calls_of_before_it_opened_do_not_count_any_more() {
    let breaker = breaker();
    let (success, before) = pending(&breaker);
    let (failure, straggler) = pending(&breaker);
    fail(&breaker, 3).await;
    success.send(Ok(Status::ok("").into_http())).unwrap();
    before.await.unwrap();
    assert_eq!(breaker.state(), State::Open, "a late success does not close it");
    advance(SECOND).await;
    call(&breaker, Code::Ok).await.unwrap();
    failure.send(Err(Status::unavailable("down"))).unwrap();
    straggler.await.err().unwrap();
    fail(&breaker, 2).await;
    assert_eq!(breaker.state(), State::Closed, "a late failure does not count");
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_when_its_stream_ends() {
    let breaker = breaker();
    fail(&breaker, 2).await;
    let (answer, call) = pending(&breaker);
    answer.send(Ok(streaming(Code::Internal))).unwrap();
    let response = call.await.unwrap();
    assert_eq!(breaker.state(), State::Closed);
    let _ = response.into_body().collect().await.unwrap();
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_probe_closes_it_and_its_end_counts_as_that_of_any_call() {
    let breaker = breaker();
    fail(&breaker, 3).await;
    advance(SECOND).await;
    let (answer, probe) = pending(&breaker);
    answer.send(Ok(streaming(Code::Internal))).unwrap();
    let response = probe.await.unwrap();
    assert_eq!(breaker.state(), State::Closed, "while the stream is open");
    let _ = response.into_body().collect().await.unwrap();
    fail(&breaker, 2).await;
    assert_eq!(breaker.state(), State::Open, "the stream was the first of three");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_deadline_above_has_ended_is_a_failure() {
    let breaker = breaker();
    let silent = service_fn(|_: Request<Body>| std::future::pending::<Answer>());
    let service = CircuitBreakerLayer::new(breaker.clone()).layer(silent);
    let timeouts = Timeouts { default: Some(SECOND), max: None };
    let service = DeadlineLayer::new(move |_: &str| timeouts).layer(service);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        let response = service.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "4");
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn only_codes_that_speak_of_the_server_count() {
    let counted =
        [Code::Unavailable, Code::DeadlineExceeded, Code::Internal, Code::Unknown, Code::DataLoss];
    for code in (0..=16).map(Code::from_i32) {
        let breaker = breaker();
        for _ in 0..3 {
            call(&breaker, code).await.unwrap();
        }
        let expected = if counted.contains(&code) { State::Open } else { State::Closed };
        assert_eq!(breaker.state(), expected, "{code:?}");
    }
    let own = CircuitBreaker::new("own", config().failures([Code::ResourceExhausted]));
    for _ in 0..3 {
        call(&own, Code::ResourceExhausted).await.unwrap();
    }
    assert_eq!(own.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_in_the_window_opens_it_once_there_were_enough_calls() {
    let config = config().consecutive_failures(0).failure_ratio(0.5, 10 * SECOND, 6).unwrap();
    let breaker = CircuitBreaker::new("flaky", config);
    for _ in 0..2 {
        call(&breaker, Code::Ok).await.unwrap();
        fail(&breaker, 1).await;
    }
    fail(&breaker, 1).await;
    assert_eq!(breaker.state(), State::Closed, "3 of 5: too few calls");
    advance(10 * SECOND).await;
    for _ in 0..4 {
        call(&breaker, Code::Ok).await.unwrap();
    }
    fail(&breaker, 3).await;
    assert_eq!(breaker.state(), State::Closed, "3 of 7: what was long ago does not count");
    fail(&breaker, 1).await;
    assert_eq!(breaker.state(), State::Open, "4 of 8");
}

#[tokio::test(start_paused = true)]
async fn its_state_can_be_followed() {
    let breaker = breaker();
    let mut watch = breaker.watch();
    let states = tokio::spawn(async move {
        let mut states = Vec::new();
        while watch.changed().await.is_ok() {
            states.push(*watch.borrow_and_update());
        }
        states
    });
    fail(&breaker, 3).await;
    tokio::task::yield_now().await;
    advance(SECOND).await;
    let (answer, probe) = pending(&breaker);
    tokio::task::yield_now().await;
    answer.send(Ok(Status::ok("").into_http())).unwrap();
    probe.await.map(drop).unwrap();
    drop(breaker);
    assert_eq!(states.await.unwrap(), [State::Open, State::HalfOpen, State::Closed]);
}

#[test]
fn a_delay_is_up_to_the_jitter_longer() {
    fastrand::seed(3);
    let config = CircuitBreakerConfig::default();
    for (opened, nominal) in [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (u32::MAX, 60.0)] {
        let delays: Vec<_> = (0..1000).map(|_| config.delay(opened).as_secs_f64()).collect();
        assert!(delays.iter().all(|delay| (nominal..=nominal * 1.5).contains(delay)));
        let longest = delays.into_iter().fold(0.0, f64::max);
        assert!(longest > nominal * 1.45, "{longest} of {nominal}");
    }
}

#[test]
fn what_cannot_work_is_refused() {
    let config = CircuitBreakerConfig::default;
    for ratio in [0.0, -0.1, 1.1, f64::NAN] {
        let error = config().failure_ratio(ratio, SECOND, 1).unwrap_err();
        assert_eq!(error, InvalidCircuitBreaker::Ratio);
    }
    let window = config().failure_ratio(0.5, Duration::ZERO, 1).unwrap_err();
    assert_eq!(window, InvalidCircuitBreaker::Window);
    for (min, max) in [(Duration::ZERO, SECOND), (2 * SECOND, SECOND), (SECOND, Duration::MAX)] {
        assert_eq!(config().delays(min, max, 0.1).unwrap_err(), InvalidCircuitBreaker::Delays);
    }
    let jitter = config().delays(SECOND, SECOND, 1.5).unwrap_err();
    assert_eq!(jitter, InvalidCircuitBreaker::Jitter);
}
