use tokio::time::Duration;
use tonic::Code;

use super::*;
use crate::client::retry::Attempts;
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
    let attempts =
        Attempts { total: 3, retries: 2, hedges: 0, retry_delay: Duration::from_millis(90) };
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
