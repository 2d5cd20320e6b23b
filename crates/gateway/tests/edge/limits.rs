//! What ends a request: size, time, a server that is down, a client that leaves.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::{Body, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::support::{Edge, StandIn, error, soon};

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_that_names_the_limit() {
    let edge = Edge::with_greet(&["--gateway-max-body", "1KiB"]).await;
    let body = |length: usize| format!(r#"{{"first_name":"{}"}}"#, "a".repeat(length - 17));
    assert_eq!(edge.post("/greet", body(1024)).send().await.unwrap().status(), 200);
    let declared = edge.post("/greet", body(1025));
    let chunked =
        edge.post("/greet", Body::wrap_stream(stream::iter([Ok::<_, Infallible>(body(1025))])));
    for request in [declared, chunked] {
        let (status, message) = error(request).await;
        assert_eq!(status, 413);
        assert!(
            message.contains("larger than 1024 bytes") && message.contains("--gateway-max-body"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_declared_too_large_is_refused_before_it_is_sent() {
    let edge = Edge::at(&[]).await;
    let mut connection = TcpStream::connect(edge.address).await.unwrap();
    let head = "POST /greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4194305\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon(connection.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_a_415() {
    let edge = Edge::with_greet(&[]).await;
    let post = || edge.request(Method::POST, "/v1/greet");
    let form = post().header("content-type", "application/x-www-form-urlencoded");
    for request in [post().body("{}"), form.body("{}"), post().header("content-type", "text/plain")]
    {
        let (status, message) = error(request).await;
        assert_eq!((status, message.contains("application/json")), (415, true), "{message}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let edge = Edge::with_greet(&["--gateway-body-timeout", "200ms"]).await;
    let slow = stream::iter([Ok::<_, Infallible>("{")]).chain(stream::pending());
    let (status, message) = soon(error(edge.post("/greet", Body::wrap_stream(slow)))).await;
    assert_eq!((status, message.as_str()), (408, "the body did not arrive within 200 ms"));
}

#[tokio::test]
async fn a_server_that_is_down_is_a_503() {
    // A port that is taken, so that no other test gets it, and on which nobody listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let target = socket.local_addr().unwrap().to_string();
    let edge = Edge::at(&["--gateway-greet-target", &target]).await;
    assert_eq!(soon(error(edge.post("/greet", "{}"))).await.0, 503);
}

#[tokio::test]
async fn a_call_over_its_deadline_is_a_504_in_time() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &["--gateway-timeout", "400ms"]).await;
    let start = Instant::now();
    assert_eq!(error(edge.get("/v1/movies/99")).await.0, 504);
    let elapsed = start.elapsed();
    assert!(
        elapsed >= Duration::from_millis(400) && elapsed < Duration::from_secs(4),
        "{elapsed:?}"
    );
    stand_in.wait_stuck((1, 1)).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_504() {
    // Takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let edge = Edge::at(&["--gateway-greet-target", &target, "--gateway-timeout", "200ms"]).await;
    assert_eq!(soon(error(edge.post("/greet", "{}"))).await.0, 504);
    drop(listener);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_call() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let request = tokio::spawn(edge.get("/v1/movies/99").send());
    stand_in.wait_stuck((1, 0)).await;
    request.abort();
    stand_in.wait_stuck((1, 1)).await;
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_cancels_the_call() {
    let stand_in = StandIn::new();
    let edge = Edge::with(&stand_in, &[]).await;
    let mut response = edge.get("/v1/movies?query=stuck").send().await.unwrap();
    assert!(soon(response.chunk()).await.unwrap().is_some());
    stand_in.wait_stuck((1, 0)).await;
    drop(response);
    stand_in.wait_stuck((1, 1)).await;
}
