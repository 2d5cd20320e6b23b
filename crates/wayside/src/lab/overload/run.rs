//! Measuring.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::time::{Duration, sleep};

use super::figures::Figures;
use super::report::{Row, report, verdict};
use crate::lab::args::OverloadArgs;
use crate::lab::clock::epoch_us;
use crate::lab::progress::Progress;
use crate::lab::protocol::{Spec, Stack};
use crate::lab::report::Conditions;
use crate::lab::stage::{Backend, Client, Server, ServerPlan};

/// How long a call is worked on, and how many at a time: 400 calls a second, whatever the machine.
const WORK: Duration = Duration::from_millis(20);
const PLACES: u32 = 8;
/// The deadline of a call: whoever waits longer has gone.
const TIMEOUT: Duration = Duration::from_secs(1);
/// What a limit that is found by measuring needs to be found.
const WARM_UP: Duration = Duration::from_secs(4);
const AROUND: Duration = Duration::from_millis(500);
/// How often a worker calls where more is asked for than can be done: rarely, so that a refused one does not come back at once.
const PACE: Duration = Duration::from_millis(250);

/// What bounds the calls in flight, and the option for it.
const LIMITS: [(&str, &str); 2] = [("none", "1000000"), ("adaptive", "adaptive")];
/// How many times what the server can do is asked for.
const LOADS: [u32; 3] = [2, 5, 10];

/// Measures every limit under every load, and reports.
///
/// # Errors
/// When a bar is missed, or something cannot be measured.
pub(crate) async fn overload(args: OverloadArgs) -> Result<()> {
    let run_time = WARM_UP + args.duration + AROUND;
    let runs = LIMITS.len() * (LOADS.len() + 1);
    let mut progress = Progress::new(run_time * runs as u32);
    let mut rows = Vec::new();
    for (limit, option) in LIMITS {
        // A worker for each place, each calling again at once: just what the server can do, and nobody waits.
        let busy = run(option, PLACES, Duration::ZERO, args.duration);
        let busy = progress.during(&format!("{limit}: busy"), run_time, busy).await?;
        rows.push(Row { limit, load: "busy".to_owned(), figures: busy, checks: Vec::new() });
        for load in LOADS {
            let can_do = f64::from(PLACES) / WORK.as_secs_f64();
            let workers = (can_do * f64::from(load) * PACE.as_secs_f64()) as u32;
            let loaded = run(option, workers, PACE, args.duration);
            let what = format!("{limit}: {load} times what it can do");
            let figures = progress.during(&what, run_time, loaded).await?;
            let has_bar = option == "adaptive";
            let checks = if has_bar { figures.checks(&busy).to_vec() } else { Vec::new() };
            rows.push(Row { limit, load: format!("x{load}"), figures, checks });
        }
    }
    drop(progress);
    report(&Conditions::here(Backend::Wayside, PLACES), &rows, args.json)?;
    verdict(&rows)
}

async fn run(limit: &str, workers: u32, pace: Duration, time: Duration) -> Result<Figures> {
    let mut plan = ServerPlan::of(Backend::Wayside);
    plan.options =
        ["--places", &PLACES.to_string(), "--max-calls", limit].map(str::to_owned).into();
    let mut server = Server::start(&plan, 0, WORK).await?;
    let spec = Spec {
        stack: Stack::TonicOne,
        addresses: vec![server.address],
        list_changes: false,
        workers,
        clients: 1,
        pace_ms: pace.as_millis() as u64,
        catches_up: false,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        metadata: Vec::new(),
        counted: false,
    };
    let started = Client::start("client", &spec, Path::new(""), None).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("the client cannot run: {why}"))?;
    client.go().await?;
    sleep(WARM_UP).await;
    let from_us = epoch_us();
    sleep(time).await;
    client.stop().await?;
    let calls = client.calls().await.context("the client's calls")?;
    server.kill().await?;
    Ok(Figures::of(&calls, from_us, time.as_secs_f64()))
}
