//! A resolver of one's own, and round_robin over what it finds.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::time::{Duration, sleep, timeout};
use wayside_balance::{
    Address, Channel, ConnectivityState, Endpoint, NextResolution, Registry, ResolveNow, Resolver,
};
use wayside_chassis::outgoing;
use wayside_proto::movies::v1::movies_service_client::MoviesServiceClient;

use super::stage::{Stage, get, movie, told};

const CALLS: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);
/// How long three servers in this process may take to be connected.
const PATIENCE: Duration = Duration::from_secs(5);

/// Knows where the movies are. A resolver that hears of changes would answer again with each: the channel asks it for the next list as soon as it has one.
#[derive(Debug)]
struct MyResolver {
    endpoints: Option<Vec<Endpoint>>,
}

impl Resolver for MyResolver {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async {
            match self.endpoints.take() {
                Some(endpoints) => Ok(endpoints.into()),
                None => std::future::pending().await,
            }
        })
    }
}

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let servers = [
        ("server 1", stage.movies("server 1", &[]).await?),
        ("server 2", stage.movies("server 2", &[]).await?),
        ("faulty", stage.movies("faulty", &["--movies-faulty", "after:1"]).await?),
    ];
    let channel = channel(&servers.map(|(_, address)| address))?;
    connected(&channel, servers.len()).await?;
    let mut client = MoviesServiceClient::new(outgoing(channel.clone()));

    let mut failures = Vec::new();
    for _ in 0..CALLS {
        let answer = movie(&mut client, get(1)).await;
        stage.say("client", &told(&answer));
        failures.extend(answer.err());
        sleep(PAUSE).await;
    }

    let calls = servers.map(|(name, _)| stage.count(name, "GetMovie"));
    for ((name, _), calls) in servers.iter().zip(calls) {
        stage.say(name, &bar(calls));
    }
    stage.say("foo:1234", &bar(0));
    let [one, two, faulty] = calls;
    stage.check(
        one + two + faulty == CALLS && calls.iter().all(|calls| (3..=4).contains(calls)),
        "everyone who is there got a third of the calls",
    )?;
    stage.check(
        failures.len() == faulty - 1
            && failures.iter().all(|status| status.message() == "Failure faulty"),
        "only the faulty server failed calls, all of its own but the first",
    )?;
    let snapshot = channel.snapshot();
    let nowhere = snapshot.subchannels.iter().find(|one| one.address.to_string() == "foo:1234");
    stage.check(
        nowhere.is_some_and(|one| {
            one.connection_attempts > 0 && one.state != ConnectivityState::Ready && one.calls == 0
        }),
        "foo:1234 was tried, is not there, and was given no call",
    )
}

/// A channel whose servers are those that `myResolverScheme` names.
fn channel(servers: &[SocketAddr]) -> Result<Channel> {
    let endpoint = |server: &SocketAddr| Ok(Endpoint::new(*server, server.to_string().parse()?));
    let mut endpoints = servers.iter().map(endpoint).collect::<Result<Vec<_>>>()?;
    let nowhere = Address::Name("foo".to_owned(), 1234);
    endpoints.push(Endpoint::new(nowhere, "foo:1234".parse()?));

    let mut resolvers = Registry::default();
    resolvers.register("myResolverScheme", move |_target, _options| {
        Ok(Box::new(MyResolver { endpoints: Some(endpoints.clone()) }))
    });
    Ok(Channel::builder(&"myResolverScheme:///movies".parse()?)
        .resolvers(resolvers)
        .service_config_json(r#"{ "loadBalancingConfig": [{ "round_robin": {} }] }"#)?
        .build()?)
}

/// Waits until so many servers are connected, so that none of them misses the first calls.
async fn connected(channel: &Channel, servers: usize) -> Result<()> {
    channel.connect();
    let ready = || {
        let all = channel.snapshot().subchannels;
        all.iter().filter(|one| one.state == ConnectivityState::Ready).count()
    };
    let all_ready = async {
        while ready() < servers {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, all_ready).await.context("the servers could not be connected")
}

fn bar(calls: usize) -> String {
    format!("{:<16} {calls} calls", "████".repeat(calls))
}
