//! How soon a change is with everybody who watches, and what a Resolve costs beside a greeting. Prints figures; nothing is asserted.
//!
//! `cargo bench -p lookaside --bench watchers`. Server and clients share the process, and the machine's cores.

#![expect(clippy::unwrap_used, reason = "a failed unwrap ends the benchmark")]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::net::SocketAddr;

use clap::Parser;
use greet::Greet;
use lookaside::Lookaside;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};
use tokio_stream::wrappers::ReceiverStream;
use wayside_balance::Channel;
use wayside_chassis::{App, ProcessArgs, bind, prepare};
use wayside_proto::greet::v1::GreetRequest;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::lookaside::v1::lookaside_service_client::LookasideServiceClient;
use wayside_proto::lookaside::v1::{
    Endpoint, RegisterRequest, ResolveRequest, Router, WatchEndpointsRequest,
};

const CHANGES: usize = 50;
const STREAMS_PER_CONNECTION: usize = 50;
/// Nobody renews a lease here.
const LEASE: &[&str] = &["--lookaside-lease", "1h"];
const CALLS: usize = 10_000;
const AT_A_TIME: usize = 50;
const ROUNDS: usize = 3;

#[derive(Debug, Parser)]
struct Cli<T: clap::Args> {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    args: T,
}

async fn serve<A: App>(options: &[&str]) -> SocketAddr {
    let cli = Cli::<A::Args>::parse_from([&[A::NAME], options].concat());
    let server = prepare::<A>(A::NAME, cli.args, &cli.process).await.unwrap();
    let listener = bind(A::NAME, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener, std::future::pending()));
    address
}

fn channel(address: SocketAddr) -> Channel {
    Channel::connect_lazy(&address.to_string().parse().unwrap()).unwrap()
}

/// Registers an endpoint, until the sender is dropped.
async fn register(address: SocketAddr, number: usize) -> mpsc::Sender<RegisterRequest> {
    let (sender, messages) = mpsc::channel(1);
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    let endpoint =
        Endpoint { addresses: vec![format!("10.0.{high}.{low}:1")], ..Endpoint::default() };
    let message = RegisterRequest {
        service: "greet".into(),
        namespace: "default".into(),
        endpoint: Some(endpoint),
        ..RegisterRequest::default()
    };
    sender.send(message).await.unwrap();
    let mut client = LookasideServiceClient::new(channel(address));
    let mut answers = client.register(ReceiverStream::new(messages)).await.unwrap().into_inner();
    answers.message().await.unwrap();
    tokio::spawn(async move { while answers.message().await.is_ok_and(|one| one.is_some()) {} });
    sender
}

/// The time from a change to its arrival at each of so many clients, over lists of so many endpoints.
async fn push(watchers: usize, endpoints: usize) {
    let address = serve::<Lookaside>(LEASE).await;
    let mut registered = Vec::new();
    for number in 0..endpoints {
        registered.push(register(address, number).await);
    }
    let (sender, mut arrivals) = mpsc::channel(watchers);
    let mut clients = JoinSet::new();
    let mut connection = channel(address);
    for number in 0..watchers {
        if number % STREAMS_PER_CONNECTION == 0 {
            connection = channel(address);
        }
        let (sender, mut client) =
            (sender.clone(), LookasideServiceClient::new(connection.clone()));
        clients.spawn(async move {
            let request = WatchEndpointsRequest {
                service: "greet".into(),
                namespace: "default".into(),
                port: String::new(),
            };
            let mut lists = client.watch_endpoints(request).await.unwrap().into_inner();
            while let Ok(Some(list)) = lists.message().await {
                if sender.send((list.endpoints.len(), Instant::now())).await.is_err() {
                    return;
                }
            }
        });
    }
    for _ in 0..watchers {
        arrivals.recv().await.unwrap();
    }
    let mut times = Vec::new();
    for change in 0..CHANGES {
        let start = Instant::now();
        // What the change itself costs is a part of it: a call over the network.
        registered.push(register(address, endpoints + change).await);
        for _ in 0..watchers {
            let (count, arrived) = arrivals.recv().await.unwrap();
            assert_eq!(count, endpoints + change + 1);
            times.push(arrived - start);
        }
        sleep(Duration::from_millis(10)).await;
    }
    times.sort();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "a change to {watchers} watchers of {endpoints} endpoints: p50 {:?}, p99 {:?}, last {:?}",
        percentile(50),
        percentile(99),
        percentile(100)
    );
}

/// How many calls a second, so many at a time on one connection.
async fn rate<F: Future<Output = ()> + Send + 'static>(call: impl Fn() -> F) -> f64 {
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        if number >= AT_A_TIME {
            calls.join_next().await;
        }
        calls.spawn(call());
    }
    while calls.join_next().await.is_some() {}
    CALLS as f64 / start.elapsed().as_secs_f64()
}

async fn resolve_and_greet() {
    let (balancer, greeter) = (serve::<Lookaside>(LEASE).await, serve::<Greet>(&[]).await);
    let _registered =
        [register(balancer, 1).await, register(balancer, 2).await, register(balancer, 3).await];
    let resolving = LookasideServiceClient::new(channel(balancer));
    let greeting = GreetServiceClient::new(channel(greeter));
    for round in 1..=ROUNDS {
        let greet = rate(|| {
            let mut client = greeting.clone();
            async move {
                client.greet(GreetRequest::default()).await.unwrap();
            }
        })
        .await;
        let resolve = rate(|| {
            let mut client = resolving.clone();
            async move {
                let request = ResolveRequest {
                    router: Router::RoundRobin.into(),
                    service: "greet".into(),
                    namespace: "default".into(),
                    port: String::new(),
                };
                client.resolve(request).await.unwrap();
            }
        })
        .await;
        let ratio = resolve / greet;
        println!("round {round}: {greet:.0} Greet/s, {resolve:.0} Resolve/s: {ratio:.2}");
    }
}

#[tokio::main]
async fn main() {
    resolve_and_greet().await;
    push(100, 10).await;
    push(1000, 10).await;
    push(1000, 100).await;
}
