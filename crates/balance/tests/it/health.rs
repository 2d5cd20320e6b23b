//! The server's own word on its health.

use std::collections::BTreeSet;

use tonic::Code;
use wayside_balance::{Channel, ConnectivityState};

use crate::support::{Server, ask, until};

const SERVING: u8 = 1;
const NOT_SERVING: u8 = 2;

fn channel(servers: &[Server]) -> Channel {
    let addresses: Vec<_> = servers.iter().map(|server| server.address.to_string()).collect();
    let target = format!("ipv4:{}", addresses.join(",")).parse().unwrap();
    let config = r#"{
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": "test.Test"}
    }"#;
    Channel::builder(&target).service_config_json(config).unwrap().build().unwrap()
}

async fn names(channel: &Channel) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for _ in 0..10 {
        names.insert(ask(channel, "").await.unwrap());
    }
    names
}

#[tokio::test]
async fn a_server_gets_calls_while_it_says_that_it_serves_and_keeps_its_connection_otherwise() {
    let servers = [Server::start("a").await, Server::start("b").await];
    let channel = channel(&servers);
    channel.connect();
    until("both are connected", || servers.iter().all(|server| server.open() == 1)).await;
    assert_eq!(*channel.state().borrow(), ConnectivityState::Connecting, "nothing is known yet");

    servers[0].seen.health.send_replace(SERVING);
    assert_eq!(names(&channel).await, BTreeSet::from(["a".into()]));
    servers[1].seen.health.send_replace(SERVING);
    let ready = |count| {
        let all = channel.snapshot().subchannels;
        all.iter().filter(|one| one.state == ConnectivityState::Ready).count() == count
    };
    until("both are ready", || ready(2)).await;
    assert_eq!(names(&channel).await, BTreeSet::from(["a".into(), "b".into()]));

    servers[0].seen.health.send_replace(NOT_SERVING);
    until("one is ready", || ready(1)).await;
    assert_eq!(names(&channel).await, BTreeSet::from(["b".into()]));
    servers[1].seen.health.send_replace(NOT_SERVING);
    until("none is ready", || ready(0)).await;
    let status = ask(&channel, "").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("NOT_SERVING"), "{status:?}");

    servers[0].seen.health.send_replace(SERVING);
    until("one is ready again", || ready(1)).await;
    assert_eq!(names(&channel).await, BTreeSet::from(["a".into()]));
    let connections: Vec<_> = servers.iter().map(Server::connections).collect();
    assert_eq!(connections, [1, 1], "no connection was made for all that");
}
