//! The interceptors as a server composes them, over real sockets: what each refuses, with what, and that health never is.

use greet::Greet;
use tokio::time::{Duration, Instant};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::{GreetRequest, Greeting};

use crate::misbehaving::Misbehaving;
use crate::support::Running;

fn greet() -> Request<GreetRequest> {
    let greeting = Greeting { first_name: "Ada".into(), last_name: "L".into() };
    Request::new(GreetRequest { greeting: Some(greeting), delay: 0 })
}

async fn healthy(server: &Running) -> bool {
    let mut client = tonic_health::pb::health_client::HealthClient::new(server.channel());
    client.check(tonic_health::pb::HealthCheckRequest::default()).await.is_ok()
}

/// When the server says that the same call may succeed, by the detail and by the header.
fn come_back(status: &Status) -> (Duration, u64) {
    let detail = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    let header = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    (detail, header.to_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn the_tap_lets_a_burst_through_and_says_when_there_is_room_again() {
    let server = Running::start::<Greet>(&["--rate-limit", "1:5"]).await;
    let mut client = GreetServiceClient::new(server.channel());
    for _ in 0..5 {
        client.greet(greet()).await.unwrap();
    }
    let status = client.greet(greet()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "service is over rate limit");
    let (detail, millis) = come_back(&status);
    assert!((1..=1300).contains(&millis), "{millis}");
    assert!(detail.as_millis().abs_diff(millis.into()) <= 1, "{detail:?} and {millis} ms");
    assert!(healthy(&server).await, "health is exempt");
}

#[tokio::test]
async fn a_quota_of_each_caller_names_the_method() {
    let server = Running::start::<Greet>(&["--caller-rate-limit", "1:2"]).await;
    let mut client = GreetServiceClient::new(server.channel());
    client.greet(greet()).await.unwrap();
    client.greet(greet()).await.unwrap();
    let status = client.greet(greet()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("/greet.v1.GreetService/Greet"), "{status}");
    assert!(healthy(&server).await, "health is exempt");
}

/// Starts a call that stays in flight until it is dropped.
fn stuck(server: &Running) -> tokio::task::JoinHandle<()> {
    let mut client = GreetServiceClient::new(server.channel());
    tokio::spawn(async move {
        let _ = client.greet(GreetRequest::default()).await;
    })
}

/// Makes calls until one is refused with this code, and gives its status.
async fn refused(server: &Running, code: Code) -> Status {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let mut request = Request::new(GreetRequest::default());
        request.set_timeout(Duration::from_millis(50));
        let status = GreetServiceClient::new(server.channel()).greet(request).await.unwrap_err();
        if status.code() == code {
            return status;
        }
        assert!(Instant::now() < end, "nothing was refused: {status}");
    }
}

#[tokio::test]
async fn calls_beyond_those_in_flight_are_refused_at_once_until_one_ends() {
    let server = Running::start::<Misbehaving>(&["--max-calls", "1"]).await;
    let call = stuck(&server);
    let status = refused(&server, Code::Unavailable).await;
    assert!(come_back(&status).1 >= 1);
    assert!(healthy(&server).await, "health is exempt");
    call.abort();
    // The place is free again: the next call is stuck as well, instead of being refused.
    refused(&server, Code::DeadlineExceeded).await;
}

#[tokio::test]
async fn a_caller_has_only_so_many_calls_in_flight() {
    let server = Running::start::<Misbehaving>(&["--caller-max-calls", "1"]).await;
    let _call = stuck(&server);
    let status = refused(&server, Code::ResourceExhausted).await;
    assert!(status.message().contains('1'), "the bound is named: {status}");
    assert!(healthy(&server).await, "health is exempt");
}

#[tokio::test]
async fn every_answer_has_a_request_id_the_callers_own_if_it_has_one() {
    let server = Running::start::<Greet>(&[]).await;
    let mut client = GreetServiceClient::new(server.channel());
    let made = client.greet(greet()).await.unwrap();
    assert_eq!(made.metadata().get("x-request-id").unwrap().len(), 16);
    let mut request = greet();
    request.metadata_mut().insert("x-request-id", "order-17".parse().unwrap());
    let kept = client.greet(request).await.unwrap();
    assert_eq!(kept.metadata().get("x-request-id").unwrap(), "order-17");
}

#[tokio::test]
async fn a_dry_run_of_a_method_that_nobody_listed_is_refused_and_does_not_run() {
    let server = Running::start::<Misbehaving>(&[]).await;
    let mut request = greet();
    request.metadata_mut().insert("dry-run", "1".parse().unwrap());
    let status = GreetServiceClient::new(server.channel()).greet(request).await.unwrap_err();
    // It would have panicked.
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "DRY_RUN_NOT_SUPPORTED");
}
