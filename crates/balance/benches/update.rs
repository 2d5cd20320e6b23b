//! What a long list of endpoints costs: from the resolver's answer to the subchannels.
//!
//! `cargo bench -p wayside-balance --bench update` prints how long a channel takes to have 10,000 subchannels, and to replace one endpoint of them.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;
use wayside_balance::resolver::{Registry, manual};
use wayside_balance::{Address, Channel, Connect, Connecting, Endpoint};

const ENDPOINTS: u32 = 10_000;
const ROUNDS: usize = 5;

/// Never connects: what is measured is what the channel does.
#[derive(Debug)]
struct Never;

impl Connect for Never {
    fn connect<'a>(&'a self, _: &'a Address) -> Connecting<'a> {
        Box::pin(std::future::pending())
    }
}

fn endpoints(numbers: impl Iterator<Item = u32>) -> Vec<Endpoint> {
    let address = |number: u32| SocketAddr::from(((0x0a00_0000 + number).to_be_bytes(), 50051));
    let authority: http::uri::Authority = "greet:50051".parse().unwrap();
    numbers.map(|number| Endpoint::new(address(number), authority.clone())).collect()
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

#[tokio::main]
async fn main() {
    for policy in ["round_robin", "least_request_experimental", "weighted_round_robin"] {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (resolver, list) = manual();
            let mut resolvers = Registry::default();
            resolvers.register("manual", move |_, _| Ok(Box::new(resolver.clone())));
            let config = format!(r#"{{"loadBalancingConfig":[{{"{policy}":{{}}}}]}}"#);
            let channel = Channel::builder(&"manual:///greet".parse().unwrap())
                .resolvers(resolvers)
                .service_config_json(&config)
                .unwrap()
                .connector(Never)
                .build()
                .unwrap();
            channel.connect();
            let all = endpoints(0..ENDPOINTS);
            let began = Instant::now();
            list.push(all);
            until(|| channel.snapshot().subchannels.len() == ENDPOINTS as usize).await;
            first.push(began.elapsed());

            let attempts = || {
                let all = channel.snapshot().subchannels;
                all.iter().map(|one| one.connection_attempts).sum::<u64>()
            };
            until(|| attempts() == u64::from(ENDPOINTS)).await;
            let replaced = endpoints(1..=ENDPOINTS);
            let began = Instant::now();
            list.push(replaced);
            let newest =
                || channel.snapshot().subchannels.last().map(|one| one.address.to_string());
            let expected =
                Address::from(SocketAddr::from(((0x0a00_0000 + ENDPOINTS).to_be_bytes(), 50051)));
            until(|| newest() == Some(expected.to_string())).await;
            second.push(began.elapsed());
            until(|| attempts() == u64::from(ENDPOINTS)).await;
            assert_eq!(channel.snapshot().subchannels.len(), ENDPOINTS as usize);
        }
        first.sort();
        second.sort();
        println!(
            "{policy:>28}: {ENDPOINTS} endpoints in {:.1?}, one of them replaced in {:.1?} (medians of {ROUNDS}); the others were not connected anew",
            first[ROUNDS / 2],
            second[ROUNDS / 2]
        );
    }
}
