//! Endpoints that the balancer asks for their health.

use std::net::SocketAddr;

use tokio::time::timeout;

use crate::support::{File, PATIENCE, Running, greet, next};

/// Any server has the health service; this one stays NOT_SERVING for ten seconds when it is told to stop.
async fn endpoint() -> Running {
    Running::start(&["--lame-duck", "10s"]).await
}

fn texts(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn who_does_not_serve_or_cannot_be_reached_is_left_out_until_it_is_back() {
    let (first, second) = (endpoint().await, endpoint().await);
    // Nobody is there: the port was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let all = texts(&[first.address, second.address, nobody]);
    let file = File::of(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let options = ["--lookaside-source", &file.source(), "--lookaside-health-check", "true"];
    let server = Running::start(&options).await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    let mut until = async |expected: &[SocketAddr]| {
        let expected = texts(expected);
        let come = async { while next(&mut stream).await != expected {} };
        timeout(PATIENCE, come).await.unwrap_or_else(|_| panic!("{expected:?} did not come"));
    };
    until(&[first.address, second.address]).await;
    // It still answers calls, and says NOT_SERVING.
    first.stop();
    until(&[second.address]).await;
    let third = Running::start_at(nobody, &["--lame-duck", "10s"]).await;
    until(&[second.address, nobody]).await;
    // With nobody left, what is more likely is that the balancer cannot reach them.
    second.stop();
    until(&[nobody]).await;
    third.stop();
    until(&[first.address, second.address, nobody]).await;
}
