//! Two releases of one message: every client understands every server. The clients and the first server speak code generated
//! from the frozen proto of the first release and from today's.

use greet::Greet;
use tokio::time::{Duration, Instant};
use wayside_proto::greet::v1 as release_2;

use crate::support::Running;

#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod release_1 {
    tonic::include_proto!("greet.v1");
}

const OLD: &str = "Hello, Ada Lovelace from pod: name(n), ip(i).";

async fn server(release: &str) -> Running {
    Running::start::<Greet>(&[
        "--greet-release",
        release,
        "--greet-pod-name",
        "n",
        "--greet-pod-ip",
        "i",
    ])
    .await
}

async fn client_1(server: &Running) -> release_1::GreetResponse {
    let greeting = release_1::Greeting { first_name: "Ada".into(), last_name: "Lovelace".into() };
    let request = release_1::GreetRequest { greeting: Some(greeting) };
    let mut client = release_1::greet_service_client::GreetServiceClient::new(server.channel());
    client.greet(request).await.unwrap().into_inner()
}

async fn client_2(server: &Running, delay: i64) -> release_2::GreetResponse {
    let greeting = release_2::Greeting { first_name: "Ada".into(), last_name: "Lovelace".into() };
    let request = release_2::GreetRequest { greeting: Some(greeting), delay };
    let mut client = release_2::greet_service_client::GreetServiceClient::new(server.channel());
    client.greet(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn old_client_and_old_server() {
    assert_eq!(client_1(&server("1").await).await.result, OLD);
}

#[tokio::test]
async fn old_client_and_new_server() {
    assert_eq!(client_1(&server("2").await).await.result, OLD);
}

#[tokio::test]
#[expect(deprecated, reason = "the deprecated field is the subject")]
async fn new_client_and_old_server_falls_back_to_the_old_field_and_is_not_delayed() {
    let server = server("1").await;
    let start = Instant::now();
    let response = client_2(&server, 30).await;
    assert_eq!((response.result.as_str(), response.greeting.as_str()), (OLD, ""));
    assert!(start.elapsed() < Duration::from_secs(10), "the first release knows no delay");
}

#[tokio::test]
#[expect(deprecated, reason = "the deprecated field is the subject")]
async fn new_client_and_new_server() {
    let server = server("2").await;
    let start = Instant::now();
    let response = client_2(&server, 1).await;
    assert_eq!(response.result, OLD);
    assert_eq!(response.greeting, "Hello, Ada Lovelace, after 1s, from pod: name(n), ip(i).");
    assert!(start.elapsed() >= Duration::from_secs(1), "the delay was not waited for");
}
