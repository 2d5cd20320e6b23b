//! What a channel tells of itself, for metrics and for pages.

use crate::support::{Server, ask, builder, until};

#[tokio::test]
async fn attempts_that_fail_are_counted() {
    let server = Server::start("a").await;
    let gone = builder([&server], "round_robin");
    drop(server);
    let channel = gone.build().unwrap();
    until("it has tried", || {
        channel.connect();
        channel.snapshot().totals.connections_failed > 0
    })
    .await;
    assert_eq!(channel.snapshot().totals.connected, 0);
}

#[tokio::test]
async fn a_snapshot_has_what_the_resolver_has_said() {
    let servers = [Server::start("a").await, Server::start("b").await];
    let channel = builder(&servers, "round_robin").build().unwrap();
    assert!(channel.snapshot().resolver.list.is_empty());
    ask(&channel, "").await.unwrap();
    let snapshot = channel.snapshot();
    assert_eq!(snapshot.policy, "round_robin");
    let told = snapshot.resolver.list.iter().map(|one| one.addresses[0].to_string());
    let expected: Vec<_> = servers.iter().map(|server| server.address.to_string()).collect();
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(snapshot.service_config.json(), r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#);
}
