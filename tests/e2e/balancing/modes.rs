//! Which pod gets which call in each mode of the gateway.

use std::net::{Ipv4Addr, SocketAddr};

use super::edge::Edge;
use super::name_server::NameServer;
use super::process::{Process, SERVICE};
use super::wire::Wire;

/// Three replicas, `greet-1` to `greet-3`.
async fn three(options: &[&str]) -> [Process; 3] {
    let (one, two, three) = tokio::join!(
        Process::greet("greet-1", options),
        Process::greet("greet-2", options),
        Process::greet("greet-3", options)
    );
    [one, two, three]
}

/// A balancer over a file with these addresses, and the file.
async fn balancer_over(addresses: &[SocketAddr]) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("endpoints.json");
    let list: Vec<_> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    std::fs::write(&path, format!("{{\"{SERVICE}\": [{}]}}", list.join(","))).unwrap();
    let source = format!("static:{}", path.display());
    (Process::lookaside(&["--lookaside-source", &source]).await, directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_sticky_30_posts_reach_1_pod() {
    let pods = three(&[]).await;
    let wire = Wire::over(&pods.each_ref().map(|pod| pod.address)).await;
    let target = wire.address.to_string();
    let options = ["--greet-target", &target, "--greet-service-config", "pick_first"];
    let gateway = Process::gateway(&options).await;
    let counts = Edge::new(gateway.address).posts(30).await;
    assert_eq!(counts.values().collect::<Vec<_>>(), [&30], "{counts:?}");
    assert_eq!(wire.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_round_robin_over_dns_30_posts_are_10_10_10() {
    let first = Process::greet("greet-1", &[]).await;
    let port = first.address.port();
    // One port for all, as the addresses of a headless service have.
    let at = |ip: &str| format!("{ip}:{port}");
    let second = Process::greet("greet-2", &["--listen", &at("127.0.0.2")]).await;
    let third = Process::greet("greet-3", &["--listen", &at("127.0.0.3")]).await;
    let ips = [1, 2, 3].map(|last| Ipv4Addr::new(127, 0, 0, last));
    let names = NameServer::start(&ips[..2]).await;
    let target = format!("dns://{}/greet.example:{port}", names.address);
    let gateway = Process::gateway(&["--greet-target", &target]).await;
    let edge = Edge::new(gateway.address);
    edge.warm(2).await;
    let counts = edge.posts(30).await;
    assert_eq!(counts.values().collect::<Vec<_>>(), [&15, &15], "{counts:?}");
    // A3: the third record, and what becomes of it when its TTL has passed.
    names.change(&ips);
    edge.warm(3).await;
    let counts = edge.posts(30).await;
    assert_eq!(counts.values().collect::<Vec<_>>(), [&10, &10, &10], "{counts:?}");
    drop((second, third));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_lookaside_1000_posts_are_even_over_3_connections_and_random_reaches_all() {
    let pods = three(&[]).await;
    let mut wires = Vec::new();
    for pod in &pods {
        wires.push(Wire::over(&[pod.address]).await);
    }
    let addresses: Vec<_> = wires.iter().map(|wire| wire.address).collect();
    let (balancer, _file) = balancer_over(&addresses).await;
    let target = format!("lookaside:///{SERVICE}");
    let address = balancer.address.to_string();
    let options = ["--greet-target", &target, "--lookaside-address", &address];

    let gateway = Process::gateway(&options).await;
    let edge = Edge::new(gateway.address);
    edge.warm(3).await;
    let counts = edge.posts(30).await;
    assert_eq!(counts.values().collect::<Vec<_>>(), [&10, &10, &10], "{counts:?}");
    edge.posts(970).await;
    let connections: Vec<_> = wires.iter().map(Wire::connections).collect();
    assert_eq!(connections, [1, 1, 1], "3 connections for 1,000 calls");

    let random = [&options[..], &["--greet-service-config", "random"]].concat();
    let gateway = Process::gateway(&random).await;
    let counts = Edge::new(gateway.address).posts(300).await;
    assert_eq!(counts.len(), 3, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_over_layer_4_one_connection_reaches_1_pod_and_a_pool_of_3_all() {
    let pods = three(&[]).await;
    for (pool, expected) in [("1:1", 1), ("3:3", 3)] {
        let wire = Wire::over(&pods.each_ref().map(|pod| pod.address)).await;
        let target = wire.address.to_string();
        let gateway = Process::gateway(&["--greet-target", &target, "--greet-pool", pool]).await;
        let edge = Edge::new(gateway.address);
        edge.warm(expected).await;
        let counts = edge.posts(30).await;
        let even = vec![30 / expected; expected];
        assert_eq!(counts.values().copied().collect::<Vec<_>>(), even, "{pool}: {counts:?}");
        assert_eq!(wire.connections(), expected, "{pool}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a12_a_third_server_is_unused_with_a_static_list_and_used_with_discovery() {
    let balancer = Process::lookaside(&[]).await;
    let address = balancer.address.to_string();
    let first = Process::registered("greet-1", &address, &[]).await;
    let second = Process::registered("greet-2", &address, &[]).await;
    let fixed = format!("ipv4:{},{}", first.address, second.address);
    let with_list = Process::gateway(&["--greet-target", &fixed]).await;
    let target = format!("lookaside:///{SERVICE}");
    let options = ["--greet-target", &target, "--lookaside-address", &address];
    let with_discovery = Process::gateway(&options).await;
    let (listed, discovered) = (Edge::new(with_list.address), Edge::new(with_discovery.address));
    listed.warm(2).await;
    discovered.warm(2).await;
    let third = Process::registered("greet-3", &address, &[]).await;
    discovered.warm(3).await;
    assert_eq!(listed.posts(30).await.len(), 2);
    assert_eq!(discovered.posts(30).await.len(), 3);
    drop(third);
}
