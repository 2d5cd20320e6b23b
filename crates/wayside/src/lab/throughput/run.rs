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
    let run_time = args.duration + WARM_UP + AROUND;
    let mut progress = Progress::new(run_time * args.rounds * 2 * PAIRS.len() as u32);
    let mut compared = Vec::new();
    for pair in &PAIRS {
        let addresses = &addresses[..pair.servers];
        let what = format!("{}: {} and {}", pair.name, pair.tonic, pair.ours);
        let measured = measure_pair(pair, addresses, &args);
        let rounds = progress.during(&what, run_time * args.rounds * 2, measured).await?;
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
    for round in 0..args.rounds {
        // Who is first may have the cooler machine, so that goes in turn too.
        let (tonic, ours);
        if round % 2 == 0 {
            tonic = measure(pair.tonic, addresses, args).await?;
            ours = measure(pair.ours, addresses, args).await?;
        } else {
            ours = measure(pair.ours, addresses, args).await?;
            tonic = measure(pair.tonic, addresses, args).await?;
        }
        rounds.push((tonic, ours));
    }
    Ok(rounds)
}

async fn measure(name: &str, addresses: &[SocketAddr], args: &ThroughputArgs) -> Result<Totals> {
    let strategy = Strategy::named(name).with_context(|| format!("there is no {name}"))?;
    let spec = Spec {
        stack: strategy.stack(),
        addresses: addresses.to_vec(),
        list_changes: false,
        workers: args.workers,
        clients: 1,
        pace_ms: 0,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        metadata: Vec::new(),
        counted: true,
    };
    let started = Client::start(name, &spec, Path::new(""), None).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("{name} cannot run: {why}"))?;
    client.measure(Amount::of(WARM_UP)).await?;
    client.measure(Amount::of(args.duration)).await.with_context(|| name.to_owned())
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
