//! Which calls are retried, when, and what both sides are told.

use std::sync::Arc;

use tonic::Code;

use super::*;
use crate::client::circuit_breaker::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerLayer};
use crate::client::retry::{Attempts, Failure, NotIdempotent};

/// grpc-go, TestRetryUnary: what the server answers to its n-th call, and after which of them each call of the client ends how.
#[tokio::test(start_paused = true)]
async fn the_seven_rows_of_grpc_go_for_unary_calls() {
    let seen = Seen::default();
    let server = prompt(&seen, |number| {
        Ok(match number {
            0 | 2 | 5 => trailers_only(Code::Ok),
            6 | 8 | 11 => trailers_only(Code::Internal),
            _ => trailers_only(Code::AlreadyExists),
        })
    });
    let layer = layer(retry(4, Code::AlreadyExists));
    for (row, (expected, last)) in [
        (Code::Ok, 0),
        (Code::Ok, 2),
        (Code::Ok, 5),
        (Code::Internal, 6),
        (Code::Internal, 8),
        (Code::Internal, 11),
        (Code::AlreadyExists, 15),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(code(&call(&layer, server.clone()).await), expected, "row {row}");
        assert_eq!(seen.count(), last + 1, "row {row}");
    }
}

/// grpc-go, TestMaxCallAttempts: attempts by the policy, by the client, and made.
#[tokio::test(start_paused = true)]
async fn the_client_limits_the_attempts_of_the_policy() {
    for (policy, client, expected) in [
        (9, Some(4), 4),
        (9, Some(7), 7),
        (3, Some(10), 3),
        (8, None, 5),
        (3, None, 3),
        (4, Some(1), 1),
    ] {
        for policy in
            [retry(policy, Code::Unavailable), hedging(policy, millis(5), &[Code::Unavailable])]
        {
            let seen = Seen::default();
            let mut layer = layer(policy);
            if let Some(limit) = client {
                layer = layer.attempt_limit(limit);
            }
            let server = prompt(&seen, |_| Ok(trailers_only(Code::Unavailable)));
            assert_eq!(code(&call(&layer, server).await), Code::Unavailable);
            assert_eq!(seen.count(), expected, "{policy:?} {client:?}");
        }
    }
}

/// grpc-go, TestNoRetry.
#[tokio::test(start_paused = true)]
async fn a_method_without_a_policy_is_sent_once() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Ok(trailers_only(Code::Unavailable)));
    let policy = retry(4, Code::Unavailable);
    let layer = RetryLayer::new(move |path: &str| (path == "/other.Service/Get").then_some(policy));
    assert_eq!(code(&call(&layer, server).await), Code::Unavailable);
    assert_eq!(seen.count(), 1);
    assert_eq!((layer.stats().calls(), layer.stats().retries()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_takes_one_attempt_and_no_time() {
    let seen = Seen::default();
    let start = Instant::now();
    let server = prompt(&seen, |_| Ok(trailers_only(Code::NotFound)));
    let outcome = call(&layer(retry(5, Code::Unavailable)), server).await;
    assert_eq!((code(&outcome), seen.count()), (Code::NotFound, 1));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_idempotent_is_sent_once_whatever_the_policy() {
    for policy in [retry(5, Code::Unavailable), hedging(5, Duration::ZERO, &[Code::Unavailable])] {
        let seen = Seen::default();
        let server = prompt(&seen, |_| Ok(trailers_only(Code::Unavailable)));
        let mut request = request();
        request.extensions_mut().insert(NotIdempotent);
        let outcome = layer(policy).layer(server).oneshot(request).await;
        assert_eq!((code(&outcome), seen.count()), (Code::Unavailable, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_changes_holds_for_the_next_call() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Ok(trailers_only(Code::Unavailable)));
    let policy = Arc::new(Mutex::new(None));
    let current = policy.clone();
    let layer = RetryLayer::new(move |_: &str| *current.lock().unwrap());
    let _ = call(&layer, server.clone()).await;
    assert_eq!(seen.count(), 1);
    *policy.lock().unwrap() = Some(retry(3, Code::Unavailable));
    let _ = call(&layer, server).await;
    assert_eq!(seen.count(), 1 + 3);
}

/// What is no response with a status in its head: either it can be retried as if it were, or it commits the call.
#[tokio::test(start_paused = true)]
async fn a_failure_of_the_transport_is_retried_and_a_head_commits() {
    let http = |status: u16| Response::builder().status(status).body(Body::empty()).unwrap();
    for (answer, attempts) in [
        (Err(Status::unavailable("connection lost")), 3),
        (Err(Status::internal("reset")), 1),
        (Ok(()), 1),
    ] {
        let seen = Seen::default();
        let server = prompt(&seen, move |_| answer.clone().map(|()| head()));
        let _ = call(&layer(retry(3, Code::Unavailable)), server).await;
        assert_eq!(seen.count(), attempts);
    }
    // A proxy that has no server answers in HTTP, and grpc-go takes that for a status too.
    for (status, attempts) in [(503, 3), (429, 3), (500, 1), (404, 1), (200, 1)] {
        let seen = Seen::default();
        let server = prompt(&seen, move |_| Ok(http(status)));
        let outcome = call(&layer(retry(3, Code::Unavailable)), server).await;
        assert_eq!(outcome.unwrap().status(), status, "passed on as it is");
        assert_eq!(seen.count(), attempts, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn server_and_caller_are_told_how_many_attempts_came_before() {
    let seen = Seen::default();
    let server = prompt(&seen, |number| match number {
        0 | 1 => Ok(trailers_only(Code::Unavailable)),
        _ => Ok(head()),
    });
    let layer = layer(retry(4, Code::Unavailable));
    let mut request = request();
    request.headers_mut().insert("grpc-previous-rpc-attempts", "7".parse().unwrap());
    let response = layer.layer(server).oneshot(request).await.unwrap();
    let told = seen.header("grpc-previous-rpc-attempts");
    assert_eq!(told, [None, Some("1".to_owned()), Some("2".to_owned())]);
    assert_eq!(response.headers()["grpc-previous-rpc-attempts"], "2");
    let attempts = *response.extensions().get::<Attempts>().unwrap();
    assert_eq!((attempts.total, attempts.retries, attempts.hedges), (3, 2, 0));
    assert!((millis(16)..=millis(26)).contains(&attempts.retry_delay), "{attempts:?}");
    let stats = layer.stats();
    assert_eq!((stats.calls(), stats.retries()), (1, 2));
    assert_eq!(stats.retry_delay(), attempts.retry_delay);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_needed_one_attempt_says_nothing_of_others() {
    let server = prompt(&Seen::default(), |_| Ok(trailers_only(Code::Ok)));
    let response = call(&layer(retry(4, Code::Unavailable)), server).await.unwrap();
    assert!(!response.headers().contains_key("grpc-previous-rpc-attempts"));
    assert_eq!(response.extensions().get::<Attempts>().unwrap().total, 1);
}

#[tokio::test(start_paused = true)]
async fn a_status_without_a_response_tells_of_the_attempts_too() {
    let server = prompt(&Seen::default(), |_| Err(Status::unavailable("connection lost")));
    let layer = layer(retry(3, Code::Unavailable));
    let status = call(&layer, server).await.unwrap_err();
    assert_eq!(status.message(), "connection lost");
    assert_eq!(status.metadata().get("grpc-previous-rpc-attempts").unwrap(), "2");
    assert_eq!(layer.stats().exhausted(), 1);
}

/// grpc-java, pushback and pushback_noRetry, and grpc-go, the rows of TestRetryStreaming about pushback.
#[tokio::test(start_paused = true)]
async fn a_server_decides_about_the_delay_or_against_a_retry() {
    for (values, attempts, delay) in [
        (&["0"][..], 2, 0),
        (&["1"], 2, 1),
        (&["1000"], 2, 1000),
        (&["-1"], 1, 0),
        (&["xxx"], 1, 0),
        (&["100", "10"], 1, 0),
        (&[""], 1, 0),
    ] {
        let seen = Seen::default();
        let server = prompt(&seen, move |number| match number {
            0 => Ok(pushed_back(Code::Unavailable, values)),
            _ => Ok(trailers_only(Code::Ok)),
        });
        let layer = layer(retry(4, Code::Unavailable));
        let start = Instant::now();
        let _ = call(&layer, server).await;
        assert_eq!(seen.count(), attempts, "{values:?}");
        assert_eq!(start.elapsed(), millis(delay), "{values:?}: exactly, without jitter");
        assert_eq!(layer.stats().pushed_back(), u64::from(attempts == 1));
    }
}

/// As grpc-go and the C core; grpc-java retries.
#[tokio::test(start_paused = true)]
async fn pushback_does_not_make_a_final_failure_retryable() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Ok(pushed_back(Code::NotFound, &["0"])));
    assert_eq!(code(&call(&layer(retry(4, Code::Unavailable)), server).await), Code::NotFound);
    assert_eq!(seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_is_not_sent_again() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Ok(trailers_only(Code::Unavailable)));
    let layer = layer(retry(4, Code::Unavailable));
    let call = tokio::time::timeout(millis(5), call(&layer, server));
    call.await.unwrap_err();
    tokio::time::sleep(millis(100)).await;
    assert_eq!(seen.count(), 1);
}

/// Marks what a load balancer has dropped on purpose, as a channel does by a source or by metadata.
#[tokio::test(start_paused = true)]
async fn a_failure_that_is_marked_as_final_is_not_retried_and_does_not_count() {
    let throttle = Arc::new(crate::client::retry::Throttle::try_new(10, 0.1).unwrap());
    for policy in [retry(4, Code::Unavailable), hedging(4, millis(5), &[Code::Unavailable])] {
        let seen = Seen::default();
        let server = prompt(&seen, |_| {
            let mut status = Status::unavailable("dropped");
            status.metadata_mut().insert("lb-drop", "1".parse().unwrap());
            Err(status)
        });
        let layer = layer(policy)
            .throttle(throttle.clone())
            .retry_if(|failure: &Failure<'_>| !failure.metadata.contains_key("lb-drop"));
        assert_eq!(code(&call(&layer, server).await), Code::Unavailable);
        assert_eq!((seen.count(), throttle.tokens()), (1, 10.0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_open_circuit_breaker_has_refused_is_not_tried_again() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Err(Status::unavailable("connection refused")));
    let config = CircuitBreakerConfig::default().consecutive_failures(2);
    let breaker = CircuitBreakerLayer::new(CircuitBreaker::new("down", config));
    let policy = retry(5, Code::Unavailable);
    let service = RetryLayer::new(move |_: &str| Some(policy)).layer(breaker.layer(server));
    let status = service.oneshot(request()).await.unwrap_err();
    assert!(status.message().contains("circuit breaker down"), "{status:?}");
    assert_eq!(seen.count(), 2, "the third was refused, and there was no fourth");
    assert_eq!(status.metadata().get("grpc-previous-rpc-attempts").unwrap(), "2");
}
