//! Measuring.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::time::Duration;

use super::compare::{Comparison, compare};
use super::report::report;
use crate::lab::args::ThroughputArgs;
use crate::lab::progress::Progress;
use crate::lab::protocol::{Amount, Spec, Totals};
use crate::lab::report::Conditions;
use crate::lab::stage::{Client, Server, ServerPlan};
use crate::lab::strategies::Strategy;
use crate::lab::turns::{TURN, turns};

const WARM_UP: Duration = Duration::from_millis(500);
/// What a client needs to start and to end.
const AROUND: Duration = Duration::from_millis(200);
/// Nothing is lost here, so the deadline is only there because a call has one.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Two strategies over so many servers.
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) tonic: &'static str,
    pub(super) ours: &'static str,
    pub(super) servers: usize,
}

const PAIRS: [Pair; 2] = [
    Pair { name: "turns", tonic: "tonic-counter", ours: "round_robin", servers: 3 },
    Pair { name: "one", tonic: "tonic-one", ours: "round_robin", servers: 1 },
];

/// Measures every pair, and reports.
///
/// # Errors
/// When a bar is missed, or something cannot be measured.
pub(crate) async fn throughput(args: ThroughputArgs) -> Result<()> {
    let plan = ServerPlan::of(args.common.server);
    let mut servers = Vec::new();
    for number in 0..3 {
        servers.push(Server::start(&plan, number, Duration::ZERO).await?);
    }
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let pair_time = (args.duration + WARM_UP + AROUND) * 2 * args.rounds;
    let mut progress = Progress::new(pair_time * PAIRS.len() as u32);
    let mut compared = Vec::new();
    for pair in &PAIRS {
        let addresses = &addresses[..pair.servers];
        let what = format!("{}: {} and {}", pair.name, pair.tonic, pair.ours);
        let measured = measure_pair(pair, addresses, &args);
        let rounds = progress.during(&what, pair_time, measured).await?;
        compared.push((pair, compare(&rounds)));
    }
    drop(progress);
    for server in &mut servers {
        server.kill().await?;
    }
    report(&Conditions::here(args.common.server, args.workers), &compared, args.common.json)?;
    verdict(&compared)
}

async fn measure_pair(
    pair: &Pair,
    addresses: &[SocketAddr],
    args: &ThroughputArgs,
) -> Result<Vec<(Totals, Totals)>> {
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let mut clients = [
            started(pair.tonic, addresses, args).await?,
            started(pair.ours, addresses, args).await?,
        ];
        let mut sums = [Totals::default(); 2];
        for player in turns(clients.len(), args.duration) {
            sums[player] += clients[player].measure(Amount::of(TURN)).await?;
        }
        let [tonic, ours] = sums;
        rounds.push((tonic, ours));
    }
    Ok(rounds)
}

/// A client that is warm. Until it is told to, it makes no further call.
async fn started(name: &str, addresses: &[SocketAddr], args: &ThroughputArgs) -> Result<Client> {
    let strategy = Strategy::named(name).with_context(|| format!("there is no {name}"))?;
    let spec = Spec {
        stack: strategy.stack(),
        addresses: addresses.to_vec(),
        list_changes: false,
        workers: args.workers,
        clients: 1,
        pace_ms: 0,
        catches_up: false,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        metadata: Vec::new(),
        counted: true,
    };
    let started = Client::start(name, &spec, Path::new(""), None).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("{name} cannot run: {why}"))?;
    client.measure(Amount::of(WARM_UP)).await.with_context(|| name.to_owned())?;
    Ok(client)
}

fn verdict(compared: &[(&Pair, Comparison)]) -> Result<()> {
    let mut missed = Vec::new();
    for (pair, comparison) in compared {
        for check in comparison.checks.iter().filter(|check| !check.met) {
            missed.push(format!(
                "{}, {}: {}; the bar is {}",
                pair.name, pair.ours, check.seen, check.bar
            ));
        }
    }
    if !missed.is_empty() {
        bail!("{} of our bars missed:\n  {}", missed.len(), missed.join("\n  "));
    }
    Ok(())
}
