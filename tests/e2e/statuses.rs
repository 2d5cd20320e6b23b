//! Which status a client gets when something is wrong, and that the connection survives it.

use greet::Greet;
use tokio::time::{Duration, Instant};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::{GreetManyTimesRequest, GreetRequest, Greeting};

use crate::misbehaving::Misbehaving;
use crate::support::Running;

fn named(first_name: impl Into<String>) -> GreetRequest {
    let greeting = Greeting { first_name: first_name.into(), last_name: String::new() };
    GreetRequest { greeting: Some(greeting), delay: 0 }
}

#[tokio::test]
async fn a_message_of_more_than_4_mib_is_resource_exhausted_and_the_connection_lives() {
    let server = Running::start::<Greet>(&[]).await;
    let mut client = GreetServiceClient::new(server.channel()).max_decoding_message_size(16 << 20);
    let status = client.greet(named("x".repeat(5 << 20))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("4194304"), "the limit is not named: {status}");
    // Just under the limit.
    assert!(client.greet(named("x".repeat((4 << 20) - 100))).await.is_ok());
}

#[tokio::test]
async fn gzip_and_zstd_are_understood_and_spoken() {
    let server = Running::start::<Greet>(&[]).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = GreetServiceClient::new(server.channel())
            .send_compressed(encoding)
            .accept_compressed(encoding);
        let reply = client.greet(named("a".repeat(100_000))).await.unwrap();
        let spoken = reply.metadata().get("grpc-encoding").unwrap().to_str().unwrap().to_owned();
        assert_eq!(spoken, if encoding == CompressionEncoding::Gzip { "gzip" } else { "zstd" });
        assert!(reply.into_inner().greeting.contains(&"a".repeat(100_000)));
    }
}

#[tokio::test]
async fn a_decompression_bomb_stops_at_the_limit() {
    let server = Running::start::<Greet>(&[]).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = GreetServiceClient::new(server.channel()).send_compressed(encoding);
        let status = client.greet(named("\0".repeat(64 << 20))).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{encoding:?}: {status}");
    }
}

#[tokio::test]
async fn an_unknown_compression_is_unimplemented_and_the_known_ones_are_named() {
    let server = Running::start::<Greet>(&[]).await;
    let mut client = tonic::client::Grpc::new(server.channel());
    client.ready().await.unwrap();
    let mut request = Request::new(GreetRequest::default());
    request.metadata_mut().insert("grpc-encoding", "snappy".parse().unwrap());
    let codec = tonic_prost::ProstCodec::<GreetRequest, GreetRequest>::default();
    let path = http::uri::PathAndQuery::from_static("/greet.v1.GreetService/Greet");
    let status = client.unary(request, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let known = status.metadata().get("grpc-accept-encoding").unwrap().to_str().unwrap();
    assert!(
        known.contains("gzip") && known.contains("zstd") && !known.contains("snappy"),
        "{known}"
    );
}

#[tokio::test]
async fn a_handler_that_panics_is_internal_and_the_connection_lives() {
    let server = Running::start::<Misbehaving>(&[]).await;
    let mut client = GreetServiceClient::new(server.channel());
    for _ in 0..3 {
        let status = client.greet(named("secret")).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert!(!status.message().contains("secret"), "{status}");
    }
    let request = GreetManyTimesRequest::default();
    let mut replies = client.greet_many_times(request).await.unwrap().into_inner();
    assert!(replies.message().await.unwrap().is_some());
    assert_eq!(replies.message().await.unwrap_err().code(), Code::Internal);
    assert!(client.long_greet(tokio_stream::iter([])).await.is_ok(), "the connection is dead");
}

#[tokio::test]
async fn unknown_methods_and_services_are_unimplemented() {
    let server = Running::start::<Greet>(&[]).await;
    for path in ["/greet.v1.GreetService/Nothing", "/nobody.v1.Nobody/Nothing"] {
        let mut client = tonic::client::Grpc::new(server.channel());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<GreetRequest, GreetRequest>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        let status =
            client.unary(Request::new(GreetRequest::default()), path, codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    }
}

#[tokio::test]
async fn a_stuck_handler_ends_at_the_deadline_and_is_dropped() {
    let server = Running::start::<Misbehaving>(&[]).await;
    let mut client = GreetServiceClient::new(server.channel());
    let mut request = Request::new(GreetRequest::default());
    request.set_timeout(Duration::from_millis(200));
    let start = Instant::now();
    assert_eq!(client.greet(request).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(start.elapsed() < Duration::from_secs(2));
}
