//! A10: a server is stopped in the middle of a call.

use tokio::time::{Duration, Instant, sleep};
use tonic::{Code, Request};
use wayside_balance::{Channel, WaitForReady};
use wayside_proto::greet::v1::GreetRequest;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;

use super::process::Process;

fn request(delay: i64, wait: bool) -> Request<GreetRequest> {
    let mut request = Request::new(GreetRequest { greeting: None, delay });
    request.extensions_mut().insert(WaitForReady(wait));
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a_call_in_flight_completes_one_that_waits_resumes_and_one_that_does_not_fails() {
    let mut server = Process::greet("greet-1", &[]).await;
    let at = server.address.to_string();
    let channel = || Channel::connect_lazy(&at.parse().unwrap()).unwrap();
    let mut client = GreetServiceClient::new(channel());
    client.greet(request(0, false)).await.unwrap();
    let mut in_flight = client.clone();
    let slow = tokio::spawn(async move { in_flight.greet(request(3, false)).await });
    // Long enough for the call to be on its way, as it is for a person who presses Ctrl-C.
    sleep(Duration::from_millis(300)).await;
    let stopped = Instant::now();
    server.terminate();
    server.says("Stopping...").await;
    slow.await.unwrap().expect("the call in flight completes");
    assert!(stopped.elapsed() > Duration::from_secs(2), "{:?}", stopped.elapsed());
    assert!(server.ended().await.success(), "exit code 0");

    let mut fails = GreetServiceClient::new(channel());
    assert_eq!(fails.greet(request(0, false)).await.unwrap_err().code(), Code::Unavailable);
    let mut waits = client.clone();
    let waiting = tokio::spawn(async move { waits.greet(request(0, true)).await });
    let server = Process::greet("greet-1", &["--listen", &at]).await;
    waiting.await.unwrap().expect("the client that waits goes on");
    drop(server);
}
