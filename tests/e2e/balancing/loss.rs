//! The balancer is gone, and the system goes on.

use tokio::time::Duration;

use super::edge::Edge;
use super::process::{Process, SERVICE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_when_every_balancer_is_killed_and_news_come_within_a_second_of_their_return() {
    let mut first = Process::lookaside(&[]).await;
    let mut second = Process::lookaside(&[]).await;
    let balancers = format!("ipv4:{},{}", first.address, second.address);
    let _pods = [
        Process::registered("greet-1", &balancers, &[]).await,
        Process::registered("greet-2", &balancers, &[]).await,
    ];
    let target = format!("lookaside:///{SERVICE}");
    let options = ["--greet-target", &target, "--lookaside-address", &balancers];
    let gateway = Process::gateway(&options).await;
    let edge = Edge::new(gateway.address);
    edge.warm(2).await;
    let load = edge.load();
    first.kill().await;
    load.goes_on(Duration::from_millis(500)).await;
    // One is left: news still come.
    let third = Process::registered("greet-3", &balancers, &[]).await;
    let took = load.reaches("greet-3").await;
    assert!(took < Duration::from_secs(1), "{took:?}");

    second.kill().await;
    load.goes_on(Duration::from_secs(5)).await;
    let at = first.address.to_string();
    let back = Process::lookaside(&["--listen", &at]).await;
    let fourth = Process::registered("greet-4", &balancers, &[]).await;
    let took = load.reaches("greet-4").await;
    eprintln!("greet-4 got its first call {took:?} after it served");
    assert!(took < Duration::from_secs(1), "{took:?}");
    eprintln!("{} POSTs, 0 failed", load.all_answered());
    drop((third, fourth, back));
}
