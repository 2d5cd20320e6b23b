//! The client's interceptors around a channel, against a server that fails on purpose.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use wayside_balance::{Channel, Pool};
use wayside_chassis::{Outgoing, outgoing};

/// A server whose first connection resets every call with FLOW_CONTROL_ERROR, as the one in the story of the pool did; the others answer with nothing, OK.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, connection == 0, counted.clone()));
        }
    });
    (address, calls)
}

async fn serve(stream: tokio::net::TcpStream, broken: bool, calls: Arc<AtomicUsize>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        calls.fetch_add(1, Ordering::SeqCst);
        let head = Response::builder().header("content-type", "application/grpc");
        let path = request.uri().path().to_owned();
        if path.ends_with("/Missing") {
            let head = head.header("grpc-status", "5").body(()).unwrap();
            respond.send_response(head, true).unwrap();
        } else if path.ends_with("/Down") {
            let head = head.header("grpc-status", "14").body(()).unwrap();
            respond.send_response(head, true).unwrap();
        } else if broken {
            respond.send_reset(Reason::FLOW_CONTROL_ERROR);
        } else {
            let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
            let ok = ("grpc-status".parse().unwrap(), "0".parse().unwrap());
            stream.send_trailers(HeaderMap::from_iter([ok])).unwrap();
        }
    }
}

const RETRY: &str = r#""retryPolicy": {
    "maxAttempts": 5, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["INTERNAL", "UNAVAILABLE"]
}"#;

fn client(
    address: SocketAddr,
    connections: usize,
    method_config: &str,
    tokens: u32,
) -> (Channel, Outgoing) {
    let config = format!(
        r#"{{
            "methodConfig": [{{"name": [{{"service": "test.Test"}}], {method_config}}}],
            "retryThrottling": {{"maxTokens": {tokens}, "tokenRatio": 0.1}}
        }}"#
    );
    let channel = Channel::builder(&format!("ipv4:{address}").parse().unwrap())
        .service_config_json(&config)
        .unwrap()
        .pool(Pool { min: connections, max: connections, ..Pool::default() })
        .build()
        .unwrap();
    (channel.clone(), outgoing(channel))
}

async fn call(client: &Outgoing, method: &str) -> Result<(), Status> {
    let mut grpc = Grpc::new(client.clone());
    grpc.ready().await?;
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = format!("/test.Test/{method}").parse().unwrap();
    grpc.unary(Request::new(()), path, codec).await.map(|_| ())
}

#[tokio::test]
async fn a_flow_control_error_is_seen_with_one_connection_and_absorbed_by_a_pool_and_a_retry_policy()
 {
    let (address, _) = server().await;
    let (_, one) = client(address, 1, r#""timeout": "5s""#, 10);
    let status = call(&one, "Ask").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("flow-control"), "{status:?}");

    let (address, _) = server().await;
    let (channel, pool) = client(address, 3, RETRY, 1000);
    channel.connect();
    let end = Instant::now() + Duration::from_secs(10);
    while channel.snapshot().subchannels.first().is_none_or(|one| one.connections < 3) {
        assert!(Instant::now() < end, "the pool is not filled");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..100 {
        call(&pool, "Ask").await.unwrap();
    }
}

#[tokio::test]
async fn only_codes_that_the_policy_names_are_retried_and_the_throttle_ends_it() {
    let (address, calls) = server().await;
    let (_, client) = client(address, 1, RETRY, 10);
    assert_eq!(call(&client, "Missing").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(calls.load(Ordering::SeqCst), 1, "a permanent error returns at once");
    for _ in 0..20 {
        assert_eq!(call(&client, "Down").await.unwrap_err().code(), Code::Unavailable);
    }
    let retries = calls.load(Ordering::SeqCst) - 21;
    assert_eq!(retries, 4, "10 tokens allow four retries in an outage");
}
