//! Channels whose endpoints come from the balancer.

use std::net::SocketAddr;

use tokio::time::{Duration, Instant};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use wayside_balance::{Channel, Registry};

use crate::support::{File, PATIENCE, Running};

/// A channel to `default/greet:50051`, over these replicas of the balancer.
fn channel(balancers: &[SocketAddr]) -> Channel {
    let list: Vec<_> = balancers.iter().map(ToString::to_string).collect();
    let target = format!("static:{}", list.join(",")).parse().unwrap();
    let mut resolvers = Registry::default();
    lookaside::register(&mut resolvers, Some(Channel::connect_lazy(&target).unwrap()));
    Channel::builder(&"lookaside:///default/greet:50051".parse().unwrap())
        .resolvers(resolvers)
        .service_config_json(r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#)
        .unwrap()
        .build()
        .unwrap()
}

/// The addresses that the channel has subchannels for.
fn known(channel: &Channel) -> Vec<String> {
    let subchannels = channel.snapshot().subchannels;
    let mut known: Vec<_> = subchannels.iter().map(|one| one.address.to_string()).collect();
    known.sort();
    known
}

async fn until(channel: &Channel, expected: &[&str], within: Duration) {
    let start = Instant::now();
    while known(channel) != expected {
        assert!(start.elapsed() < within, "{:?} and not {expected:?}", known(channel));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_channel_follows_the_list_and_keeps_the_last_one_while_no_balancer_answers() {
    let file = File::of(&["127.0.0.1:1", "127.0.0.1:2"]);
    let server = Running::over(&file).await;
    let address = server.address;
    let channel = channel(&[address]);
    channel.connect();
    until(&channel, &["127.0.0.1:1", "127.0.0.1:2"], PATIENCE).await;
    file.write(&["127.0.0.1:2", "127.0.0.1:3"]);
    until(&channel, &["127.0.0.1:2", "127.0.0.1:3"], PATIENCE).await;

    server.ended().await;
    file.write(&["127.0.0.1:4"]);
    // Long enough for the channel to the balancer to have a backoff of seconds.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(known(&channel), ["127.0.0.1:2", "127.0.0.1:3"]);
    let server = Running::start_at(address, &["--lookaside-source", &file.source()]).await;
    until(&channel, &["127.0.0.1:4"], Duration::from_secs(1)).await;
    drop(server);
}

#[tokio::test]
async fn when_one_replica_ends_another_is_watched() {
    let file = File::of(&["127.0.0.1:1"]);
    let (first, second) = (Running::over(&file).await, Running::over(&file).await);
    let channel = channel(&[first.address, second.address]);
    channel.connect();
    until(&channel, &["127.0.0.1:1"], PATIENCE).await;
    first.ended().await;
    file.write(&["127.0.0.1:2"]);
    until(&channel, &["127.0.0.1:2"], Duration::from_secs(3)).await;
}

#[tokio::test]
async fn a_list_that_becomes_empty_leaves_what_is_known() {
    let file = File::of(&["127.0.0.1:1"]);
    let server = Running::over(&file).await;
    let channel = channel(&[server.address]);
    channel.connect();
    until(&channel, &["127.0.0.1:1"], PATIENCE).await;
    file.write(&[]);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(known(&channel), ["127.0.0.1:1"]);
    file.write(&["127.0.0.1:2"]);
    until(&channel, &["127.0.0.1:2"], PATIENCE).await;
}

#[tokio::test]
async fn a_target_that_cannot_be_resolved_is_told_when_the_channel_is_made() {
    let mut resolvers = Registry::default();
    lookaside::register(&mut resolvers, None);
    for (target, part) in [
        ("lookaside:///default/greet:50051", "--lookaside-address"),
        ("lookaside:///greet", "namespace"),
        ("lookaside:///default/greet", "port"),
        ("lookaside://balancer:1/default/greet:1", "--lookaside-address"),
    ] {
        let builder = Channel::builder(&target.parse().unwrap()).resolvers(resolvers.clone());
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(part), "{target}: {error}");
    }
}

#[tokio::test]
async fn calls_fail_with_the_reason_of_the_balancer_until_there_is_a_list_and_then_go_on() {
    let file = File::of(&[]);
    let server = Running::over(&file).await;
    let channel = channel(&[server.address]);
    let mut client = HealthClient::new(channel.clone());
    let refused = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    let reason = "default/greet:50051 has no endpoint: its list of endpoints is empty";
    assert!(refused.message().contains(reason), "{refused:?}");
    // The balancer itself stands for a server: it has the health service as all have.
    file.write(&[&server.address.to_string()]);
    until(&channel, &[&server.address.to_string()], PATIENCE).await;
    client.check(HealthCheckRequest::default()).await.unwrap();
}
