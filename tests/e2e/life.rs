//! Start, stop, and what happens to calls in between.

use greet::Greet;
use tokio::time::{Duration, Instant};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::{GreetManyTimesRequest, GreetRequest};

use crate::support::Running;

#[tokio::test]
async fn a_call_in_flight_finishes_when_the_server_is_told_to_stop() {
    let mut server = Running::start::<Greet>(&[]).await;
    let mut client = GreetServiceClient::new(server.channel());
    let mut replies = client
        .greet_many_times(GreetManyTimesRequest { greeting: None, delay: 1, count: 2 })
        .await
        .unwrap()
        .into_inner();
    replies.message().await.unwrap().unwrap();
    server.stop();
    assert!(replies.message().await.unwrap().is_some(), "the second greeting was lost");
    assert!(replies.message().await.unwrap().is_none());
    server.ended(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_watcher_hears_not_serving_and_does_not_keep_the_server_from_ending() {
    let mut server = Running::start::<Greet>(&["--drain", "500ms", "--lame-duck", "100ms"]).await;
    let mut client = HealthClient::new(server.channel());
    let mut watch =
        client.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let start = Instant::now();
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    server.ended(Duration::from_secs(5)).await;
    assert!(start.elapsed() < Duration::from_secs(2), "the drain took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_call_that_never_ends_is_cut_when_the_drain_time_is_over() {
    let mut server = Running::start::<Greet>(&["--drain", "300ms", "--lame-duck", "0s"]).await;
    let mut client = GreetServiceClient::new(server.channel());
    let call =
        tokio::spawn(async move { client.greet(GreetRequest { greeting: None, delay: 30 }).await });
    let mut probe = HealthClient::new(server.channel());
    probe.check(HealthCheckRequest::default()).await.unwrap();
    server.stop();
    server.ended(Duration::from_secs(5)).await;
    assert!(call.await.unwrap().is_err());
}
