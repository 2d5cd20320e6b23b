//! The throttle and the budget.

use std::sync::Arc;

use tonic::Code;

use super::*;
use crate::client::retry::{Policies, RetryBudget, Throttle};

fn throttle(max_tokens: u32, token_ratio: f64) -> Arc<Throttle> {
    Arc::new(Throttle::try_new(max_tokens, token_ratio).unwrap())
}

/// grpc-go, TestRetryThrottling.
#[tokio::test(start_paused = true)]
async fn the_twelve_rows_of_grpc_go_for_throttling() {
    let seen = Seen::default();
    let server = prompt(&seen, |number| {
        Ok(match number {
            0 | 3 | 6 | 10..=14 | 16 | 18 => trailers_only(Code::Ok),
            _ => trailers_only(Code::Unavailable),
        })
    });
    let throttle = throttle(10, 0.5);
    let layer = layer(retry(4, Code::Unavailable)).throttle(throttle.clone());
    for (expected, last, tokens) in [
        (Code::Ok, 0, 10.0),
        (Code::Ok, 3, 8.5),
        (Code::Ok, 6, 7.0),
        (Code::Unavailable, 8, 5.0),
        (Code::Unavailable, 9, 4.0),
        (Code::Ok, 10, 4.5),
        (Code::Ok, 11, 5.0),
        (Code::Ok, 12, 5.5),
        (Code::Ok, 13, 6.0),
        (Code::Ok, 14, 6.5),
        (Code::Ok, 16, 6.0),
        (Code::Unavailable, 17, 5.0),
    ] {
        assert_eq!(code(&call(&layer, server.clone()).await), expected, "after {last}");
        assert_eq!((seen.count(), throttle.tokens()), (last + 1, tokens));
    }
    assert_eq!(layer.stats().throttled(), 3);
}

#[tokio::test(start_paused = true)]
async fn in_a_full_outage_ten_tokens_are_exactly_four_retries() {
    let seen = Seen::default();
    let server = prompt(&seen, |_| Err(Status::unavailable("down")));
    let layer = layer(retry(5, Code::Unavailable)).throttle(throttle(10, 0.1));
    for _ in 0..100 {
        let start = Instant::now();
        assert_eq!(code(&call(&layer, server.clone()).await), Code::Unavailable);
        assert!(start.elapsed() < millis(50), "never waits for the throttle");
    }
    assert_eq!(layer.stats().retries(), 4);
    assert_eq!(seen.count(), 104);
}

#[tokio::test(start_paused = true)]
async fn in_a_full_outage_a_budget_of_a_tenth_allows_at_most_1_1_attempts_for_each_call() {
    for policy in [retry(5, Code::Unavailable), hedging(5, millis(1), &[Code::Unavailable])] {
        let seen = Seen::default();
        let server = prompt(&seen, |_| Err(Status::unavailable("down")));
        let budget = RetryBudget::try_new(Duration::from_secs(10), 0, 0.1).unwrap();
        let layer = layer(policy).budget(Arc::new(budget));
        for calls in 1..=1_000 {
            let _ = call(&layer, server.clone()).await;
            assert!(seen.count() * 10 <= calls * 11, "{} attempts of {calls} calls", seen.count());
        }
        assert_eq!(seen.count(), 1_100, "and all of it is used");
        assert!(layer.stats().over_budget() > 0);
    }
}

/// The tokens after one failed attempt of a call whose server asked what. grpc-java, throttledStream_FailWith…, and gRFC A6.
#[tokio::test(start_paused = true)]
async fn what_counts_as_a_failure_is_a_retryable_code_or_the_wish_not_to_be_asked_again() {
    let (retryable, fatal) = (Code::Unavailable, Code::InvalidArgument);
    for (code, pushback, tokens) in [
        (retryable, &[][..], 2.0),
        (fatal, &[], 3.0),
        (retryable, &["123"], 2.0),
        (fatal, &["123"], 3.0),
        (retryable, &["-1"], 2.0),
        (retryable, &[""], 2.0),
        (fatal, &["-1"], 2.0),
        (Code::Ok, &[], 3.8),
    ] {
        for once in [false, true] {
            let throttle = throttle(4, 0.8);
            // Some other call has failed.
            throttle.failed();
            let seen = Seen::default();
            let server = prompt(&seen, move |_| Ok(pushed_back(code, pushback)));
            let mut layer = layer(retry(4, retryable)).throttle(throttle.clone());
            if once {
                layer = layer.attempt_limit(1);
            }
            let _ = call(&layer, server).await;
            assert_eq!(seen.count(), 1, "{code:?} {pushback:?}");
            assert_eq!(throttle.tokens(), tokens, "{code:?} {pushback:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_when_it_ends() {
    use http_body_util::{BodyExt, StreamBody};
    for (code, tokens) in [(Code::Ok, 10.0_f64), (Code::Unavailable, 8.0), (Code::NotFound, 9.0)] {
        for policy in [Some(retry(4, Code::Unavailable)), None] {
            let throttle = throttle(10, 1.0);
            throttle.failed();
            let server = prompt(&Seen::default(), move |_| {
                let mut trailers = HeaderMap::new();
                Status::new(code, "").add_header(&mut trailers).unwrap();
                let frames = [Ok::<_, Status>(http_body::Frame::trailers(trailers))];
                Ok(head().map(|_| Body::new(StreamBody::new(tokio_stream::iter(frames)))))
            });
            let layer = RetryLayer::new(move |_: &str| policy).throttle(throttle.clone());
            let response = call(&layer, server).await.unwrap();
            assert_eq!(throttle.tokens(), 9.0, "not before");
            response.into_body().collect().await.unwrap();
            // Without a policy no code is a failure.
            let expected = if policy.is_none() { tokens.max(9.0) } else { tokens };
            assert_eq!(throttle.tokens(), expected, "{code:?} {policy:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_throttle_that_comes_with_the_policies_is_the_one_that_counts() {
    struct Config(Arc<Throttle>);
    impl Policies for Config {
        fn policy(&self, _: &str) -> Option<MethodPolicy> {
            Some(retry(4, Code::Unavailable))
        }

        fn throttle(&self) -> Option<Arc<Throttle>> {
            Some(self.0.clone())
        }
    }
    let (own, other) = (throttle(10, 0.1), throttle(10, 0.1));
    let layer = RetryLayer::new(Config(own.clone())).throttle(other.clone());
    let _ = call(&layer, prompt(&Seen::default(), |_| Err(Status::unavailable("down")))).await;
    assert_eq!((own.tokens(), other.tokens()), (6.0, 10.0));
}
