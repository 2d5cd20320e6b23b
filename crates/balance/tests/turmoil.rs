//! A network that is cut and mended, on a simulated clock: minutes pass in milliseconds.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;
use wayside_balance::{Address, Channel, Connect, Connecting, Io, Keepalive};

#[expect(dead_code, reason = "shared with the tests on real sockets, which use all of it")]
#[path = "it/support.rs"]
mod support;

use support::{ask, ask_within};

const PORT: u16 = 50051;

/// Connects in the simulated network.
#[derive(Debug)]
struct Simulated;

impl Connect for Simulated {
    fn connect<'a>(&'a self, address: &'a Address) -> Connecting<'a> {
        Box::pin(async move {
            let stream = turmoil::net::TcpStream::connect(address.to_string()).await?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

fn simulation() -> turmoil::Sim<'static> {
    let mut simulation = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(600))
        .rng_seed(4)
        .tick_duration(Duration::from_millis(5))
        .build();
    for name in ["a", "b", "c"] {
        simulation.host(name, move || async move {
            let listener = turmoil::net::TcpListener::bind(("0.0.0.0", PORT)).await?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(support::serve(stream, name.into(), Arc::default(), 100));
            }
        });
    }
    simulation
}

fn channel() -> Channel {
    let keepalive = Keepalive {
        time: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        without_calls: true,
    };
    Channel::builder(&format!("static:a:{PORT},b:{PORT},c:{PORT}").parse().unwrap())
        .service_config_json(r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#)
        .unwrap()
        .connector(Simulated)
        .keepalive(keepalive)
        .build()
        .unwrap()
}

/// How many of a number of calls each server has answered; a call that fails counts for "".
async fn share(channel: &Channel, calls: usize) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..calls {
        let name = ask_within(channel, "", Duration::from_secs(3)).await.unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[test]
fn a_partition_costs_the_calls_on_it_at_most_and_its_repair_brings_the_endpoint_back() {
    let mut simulation = simulation();
    simulation.client("client", async {
        let channel = channel();
        ask(&channel, "").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(share(&channel, 30).await.into_values().collect::<Vec<_>>(), [10, 10, 10]);

        turmoil::partition("client", "b");
        // Within time and timeout of the keepalive the connection is given up; nobody calls meanwhile.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let during = share(&channel, 30).await;
        assert_eq!(during.get("a"), Some(&15), "{during:?}");
        assert_eq!(during.get("c"), Some(&15), "{during:?}");

        turmoil::repair("client", "b");
        // The backoff at its longest, give or take 20 %.
        tokio::time::sleep(Duration::from_secs(144)).await;
        let after = share(&channel, 30).await;
        assert_eq!(after.into_values().collect::<Vec<_>>(), [10, 10, 10]);
        Ok(())
    });
    simulation.run().unwrap();
}

#[test]
fn a_call_on_a_connection_that_is_cut_off_ends_unavailable_in_time() {
    let mut simulation = simulation();
    simulation.client("client", async {
        let channel = channel();
        ask(&channel, "").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let calls: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let channel = channel.clone();
                    async move { ask(&channel, "hang").await }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let cut = tokio::time::Instant::now();
        for name in ["a", "b", "c"] {
            turmoil::partition("client", name);
        }
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
        }
        assert!(cut.elapsed() <= Duration::from_millis(2100), "{:?}", cut.elapsed());

        // Nothing can be reached: calls fail at once when that is known, and later ones never hang.
        let status = ask_within(&channel, "", Duration::from_secs(30)).await.unwrap_err();
        assert!([Code::Unavailable, Code::DeadlineExceeded].contains(&status.code()));
        Ok(())
    });
    simulation.run().unwrap();
}
