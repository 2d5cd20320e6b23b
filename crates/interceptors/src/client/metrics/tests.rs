use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use tokio::time::{Duration, advance};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::client::observe::ObserveLayer;
use crate::client::retry::{Attempts, MethodPolicy, RetryLayer, RetryPolicy, TransparentRetries};
use crate::metrics::{Format, Labels, Samples, Source, Totals};

fn told(calls: &ClientCalls) -> String {
    let mut samples = Samples::default();
    calls.collect(&mut samples.within(Labels::default()));
    samples.text(Format::Plain)
}

#[test]
fn attempts_are_counted_each_and_the_call_once() {
    let calls = ClientCalls::new("dns:///a:1");
    let call = calls.start("/a.B/Get");
    let failed = Totals { duration: Duration::from_millis(4), ..Totals::default() };
    for _ in 0..2 {
        call.attempt().end(Code::Unavailable, &failed);
    }
    call.attempt().end(Code::Ok, &Totals { sent_bytes: 3, received_bytes: 4, ..failed });
    let attempts = Attempts {
        total: 3,
        retries: 2,
        retry_delay: Duration::from_millis(90),
        ..Attempts::default()
    };
    call.end(Code::Ok, &Totals { duration: Duration::from_secs(1), ..failed }, attempts);
    let text = told(&calls);
    let labels = r#"grpc_target="dns:///a:1",grpc_method="a.B/Get""#;
    for expected in [
        format!("grpc_client_attempt_started_total{{{labels}}} 3"),
        format!(
            "grpc_client_attempt_duration_seconds_count{{{labels},grpc_status=\"UNAVAILABLE\"}} 2"
        ),
        format!("grpc_client_attempt_duration_seconds_sum{{{labels},grpc_status=\"OK\"}} 0.004"),
        format!(
            "grpc_client_attempt_rcvd_total_compressed_message_size_bytes_sum{{{labels},grpc_status=\"OK\"}} 4"
        ),
        format!("grpc_client_call_duration_seconds_count{{{labels},grpc_status=\"OK\"}} 1"),
        format!("grpc_client_call_retries_bucket{{{labels},le=\"1\"}} 0"),
        format!("grpc_client_call_retries_bucket{{{labels},le=\"2\"}} 1"),
        format!("grpc_client_call_hedges_count{{{labels}}} 0"),
        format!("grpc_client_call_transparent_retries_count{{{labels}}} 0"),
        format!("grpc_client_call_retry_delay_seconds_bucket{{{labels},le=\"0.1\"}} 1"),
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn a_call_that_is_made_once_tells_nothing_of_retries() {
    let calls = ClientCalls::new("dns:///a:1");
    let call = calls.start("/a.B/Get");
    call.attempt().end(Code::Ok, &Totals::default());
    call.end(Code::Ok, &Totals::default(), Attempts::default());
    assert!(!told(&calls).contains("retries"), "{}", told(&calls));
    assert!(!told(&calls).contains("other"), "{}", told(&calls));
}

/// Makes a call whose attempts each take 4 ms and end with the next of these codes.
async fn call(calls: &ClientCalls, codes: &'static [Code]) {
    let pause = Duration::from_millis(100);
    let policy = RetryPolicy::try_new(3, pause, pause, 1.0, [Code::Unavailable]).unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let server = service_fn(move |_: Request<Body>| {
        let code = codes[attempts.fetch_add(1, Ordering::Relaxed)];
        async move {
            advance(Duration::from_millis(4)).await;
            match code {
                Code::Ok => Ok(Status::ok("").into_http::<Body>()),
                code => Err::<Response<Body>, _>(Status::new(code, "")),
            }
        }
    });
    let service = ServiceBuilder::new()
        .layer(ObserveLayer::new(calls.per_call()))
        .layer(RetryLayer::new(move |_: &str| Some(MethodPolicy::from(policy))))
        .layer(ObserveLayer::new(calls.per_attempt()))
        .service(server);
    let request = Request::post("/a.B/Get").body(Body::empty()).unwrap();
    // Whether it fails is told by the counts.
    let _ = service.oneshot(request).await;
}

fn assert_has(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected} is missing in\n{text}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_retried_is_one_call_with_its_attempts_and_pauses() {
    let calls = ClientCalls::new("dns:///a:1");
    call(&calls, &[Code::Unavailable, Code::Unavailable, Code::Ok]).await;
    let text = told(&calls);
    let labels = r#"grpc_target="dns:///a:1",grpc_method="a.B/Get""#;
    let attempts = "grpc_client_attempt_duration_seconds";
    assert_has(&text, &format!("{attempts}_count{{{labels},grpc_status=\"UNAVAILABLE\"}} 2\n"));
    assert_has(&text, &format!("{attempts}_sum{{{labels},grpc_status=\"OK\"}} 0.004\n"));
    let durations = "grpc_client_call_duration_seconds";
    assert_has(&text, &format!("{durations}_count{{{labels},grpc_status=\"OK\"}} 1\n"));
    // Two pauses of 80 to 120 ms.
    assert_has(
        &text,
        &format!("{durations}_bucket{{{labels},grpc_status=\"OK\",le=\"0.16\"}} 0\n"),
    );
    assert_has(&text, &format!("{durations}_bucket{{{labels},grpc_status=\"OK\",le=\"0.3\"}} 1\n"));
    assert_has(&text, &format!("grpc_client_call_retries_sum{{{labels}}} 2\n"));
    assert_has(
        &text,
        &format!("grpc_client_call_retry_delay_seconds_bucket{{{labels},le=\"0.13\"}} 0\n"),
    );
    assert_has(
        &text,
        &format!("grpc_client_call_retry_delay_seconds_bucket{{{labels},le=\"0.25\"}} 1\n"),
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_after_retries_tells_of_them_too() {
    let calls = ClientCalls::new("dns:///a:1");
    call(&calls, &[Code::Unavailable; 3]).await;
    let labels = r#"grpc_target="dns:///a:1",grpc_method="a.B/Get""#;
    let text = told(&calls);
    assert_has(&text, &format!("grpc_client_call_retries_sum{{{labels}}} 2\n"));
    assert_has(
        &text,
        &format!("call_duration_seconds_count{{{labels},grpc_status=\"UNAVAILABLE\"}} 1\n"),
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_sends_again_by_itself_is_counted_with_a_policy_and_without() {
    let labels = r#"grpc_target="dns:///a:1",grpc_method="a.B/Get""#;
    let pause = Duration::from_millis(100);
    let policy = RetryPolicy::try_new(3, pause, pause, 1.0, [Code::Unavailable]).unwrap();
    for (policy, sum, attempts) in [(None, 6, 1), (Some(policy.into()), 12, 2)] {
        let calls = ClientCalls::new("dns:///a:1");
        let made = Arc::new(AtomicUsize::new(0));
        let server = service_fn(move |_: Request<Body>| {
            let code = if made.fetch_add(1, Ordering::Relaxed) + 1 < attempts {
                Code::Unavailable
            } else {
                Code::Ok
            };
            let mut response = Status::new(code, "").into_http::<Body>();
            response.extensions_mut().insert(TransparentRetries(6));
            std::future::ready(Ok::<Response<Body>, Status>(response))
        });
        let service = ServiceBuilder::new()
            .layer(ObserveLayer::new(calls.per_call()))
            .layer(RetryLayer::new(move |_: &str| policy))
            .service(server);
        service.oneshot(Request::post("/a.B/Get").body(Body::empty()).unwrap()).await.unwrap();
        let text = told(&calls);
        let name = "grpc_client_call_transparent_retries";
        assert_has(&text, &format!("{name}_sum{{{labels}}} {sum}\n"));
        assert_has(&text, &format!("{name}_bucket{{{labels},le=\"5\"}} 0\n"));
        assert_has(&text, &format!("{name}_count{{{labels}}} 1\n"));
        assert_has(
            &text,
            &format!("grpc_client_call_retries_count{{{labels}}} {}\n", attempts - 1),
        );
    }
}
