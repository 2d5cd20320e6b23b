//! Why the server loop is ours: what tonic's own `Server` does where ours keeps a promise. A test here that fails is good news: tonic has mended
//! something, and ARCHITECTURE.md should be looked at again.

use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::time::{Duration, Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use wayside_balance::Channel;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::greet_service_server::GreetServiceServer;
use wayside_proto::greet::v1::{GreetRequest, Greeting};

use crate::misbehaving::Misbehaving;
use crate::raw::{END_HEADERS, GOAWAY, HEADERS, PING, Raw, call, frame, ping};

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// A stock server on a port of its own, and its end.
struct Stock {
    address: SocketAddr,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

async fn stock(configure: impl FnOnce(Server) -> Server) -> Stock {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (_, health) = tonic_health::server::health_reporter();
    let router = configure(Server::builder())
        .add_service(GreetServiceServer::new(Misbehaving))
        .add_service(health);
    let serving = router
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.clone().cancelled_owned());
    Stock { address, stop, served: tokio::spawn(async move { serving.await.unwrap() }) }
}

impl Stock {
    fn channel(&self) -> Channel {
        Channel::connect_lazy(&self.address.to_string().parse().unwrap()).unwrap()
    }

    fn greet(&self) -> GreetServiceClient<Channel> {
        GreetServiceClient::new(self.channel())
    }
}

fn person(first_name: String) -> GreetRequest {
    GreetRequest { greeting: Some(Greeting { first_name, last_name: String::new() }), delay: 0 }
}

async fn code<T>(call: impl Future<Output = Result<T, tonic::Status>>) -> Code {
    call.await.err().map_or(Code::Ok, |status| status.code())
}

/// Row S1; ours: `connections::an_aged_connection_gets_goaway_and_its_calls_the_grace_and_no_more`.
#[tokio::test]
async fn an_aged_connection_with_grace_is_cut_without_goaway() {
    let age = Duration::from_millis(300);
    let stock = stock(|server| server.max_connection_age(age).max_connection_age_grace(age)).await;
    let (mut raw, _) = Raw::connect(stock.address).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &call("/greet.v1.GreetService/GreetEveryone"))).await;
    assert_eq!(raw.next_of(GOAWAY, PATIENCE).await, None);
}

/// Row S2; ours: `drain::a_watch_a_stream_and_a_stuck_handler_end_within_drain_and_a_second_as_unavailable`.
#[tokio::test]
async fn one_open_watch_holds_up_the_drain_without_bound() {
    let mut stock = stock(|server| server).await;
    let mut watch = HealthClient::new(stock.channel())
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    watch.message().await.unwrap();
    stock.stop.cancel();
    assert!(
        timeout(Duration::from_secs(2), &mut stock.served).await.is_err(),
        "the drain has ended"
    );
}

/// Row S3; ours: `statuses::a_message_of_more_than_4_mib_is_resource_exhausted_and_the_connection_lives` and
/// `statuses::a_handler_that_panics_is_internal_and_the_connection_lives`.
#[tokio::test]
async fn oversize_is_out_of_range_and_a_panic_is_not_internal() {
    let stock = stock(|server| server).await;
    assert_eq!(code(stock.greet().greet(person("x".repeat(5 << 20)))).await, Code::OutOfRange);
    assert_eq!(code(stock.greet().greet(person("panic".into()))).await, Code::Cancelled);
}

/// Row S4; ours: `health::tests::watch_of_an_unknown_service_says_so_and_stays_open`.
#[tokio::test]
async fn a_watch_of_an_unknown_service_ends() {
    let stock = stock(|server| server).await;
    let request = HealthCheckRequest { service: "nobody".into() };
    assert_eq!(code(HealthClient::new(stock.channel()).watch(request)).await, Code::NotFound);
}

/// Row S5; ours: `connections::the_bounds_are_announced_in_settings`.
#[tokio::test]
async fn streams_have_no_bound_that_grpc_would_give_them() {
    let stock = stock(|server| server).await;
    let (_raw, settings) = Raw::connect(stock.address).await;
    assert!(
        settings.setting(MAX_CONCURRENT_STREAMS).is_none_or(|limit| limit > 100),
        "{settings:?}"
    );
}

/// Row S6; ours: `connections::too_many_pings_end_in_goaway_enhance_your_calm`.
#[tokio::test]
async fn every_ping_is_answered() {
    let stock = stock(|server| server).await;
    let (mut raw, _) = Raw::connect(stock.address).await;
    for _ in 0..1000 {
        raw.send(&ping()).await;
        assert!(raw.next_of(PING, PATIENCE).await.is_some(), "a ping was not answered");
    }
}

/// Row S7; ours: `connections::silent_and_half_prefaces_are_cut_when_their_time_is_over`, here with the time that it may take.
#[tokio::test]
#[ignore = "takes 12 s; tests/interop.sh runs it"]
async fn a_silent_socket_lives_on() {
    let stock = stock(|server| server).await;
    let mut raw = Raw::silent(stock.address).await;
    assert!(!raw.closed_within(Duration::from_secs(12)).await);
}

/// Row S9; ours: `statuses::a_stuck_handler_ends_at_the_deadline_and_is_dropped`.
#[tokio::test]
async fn an_expired_deadline_is_cancelled() {
    let stock = stock(|server| server).await;
    // Our own channel would say DEADLINE_EXCEEDED for the server, so the bytes of a call are sent, with a timeout of 200 ms.
    let (mut raw, _) = Raw::connect(stock.address).await;
    let block = [call("/greet.v1.GreetService/Greet"), crate::raw::literal("grpc-timeout", "200m")]
        .concat();
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block)).await;
    raw.send(&frame(crate::raw::DATA, 1, 1, &[0, 0, 0, 0, 0])).await;
    let start = Instant::now();
    let answer = raw.next_of(HEADERS, PATIENCE).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(150));
    // grpc-status 1 is CANCELLED; its text says what it means. Both may be Huffman coded, so a stock client reads them.
    assert_eq!(answer.stream, 1);
    let connection =
        tonic::transport::Endpoint::from_shared(format!("http://{}", stock.address)).unwrap();
    let mut client = GreetServiceClient::new(connection.connect_lazy());
    let mut request = Request::new(GreetRequest::default());
    request.set_timeout(Duration::from_millis(200));
    assert_eq!(code(client.greet(request)).await, Code::Cancelled);
}
