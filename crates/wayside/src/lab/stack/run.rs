//! Measuring.

use std::path::Path;

use anyhow::Result;
use tokio::time::Duration;

use super::compare::{Measured, compare};
use super::everything::Everything;
use super::report::{Circumstances, report, verdict};
use super::rows::{ROWS, Row};
use crate::lab::args::StackArgs;
use crate::lab::progress::Progress;
use crate::lab::protocol::{Measure, Spec, Stack};
use crate::lab::stage::{Backend, Client, Cores, Server, ServerPlan};

const WARM_UP: Duration = Duration::from_millis(500);
/// What a server and a client need to start and to end.
const AROUND: Duration = Duration::from_millis(200);
/// Nothing is lost here, so the deadline is there because a call of a real client has one.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Measures every row, and reports.
///
/// # Errors
/// When a bar is missed, or something cannot be measured.
pub(crate) async fn stack(args: StackArgs) -> Result<()> {
    let (cores, where_kept) = match Cores::of_this_machine() {
        Ok(cores) => (Some(cores), cores.to_string()),
        Err(why) => (None, format!("not kept on cores of their own: {why:#}")),
    };
    let everything = Everything::new()?;
    let run_time = args.duration + WARM_UP + AROUND;
    let mut progress = Progress::new(run_time * args.rounds * ROWS.len() as u32);
    let mut rounds = Vec::new();
    for round in 0..args.rounds {
        let mut measured: Vec<_> = ROWS.iter().map(|_| None).collect();
        for turn in 0..ROWS.len() {
            // Who is first may have the cooler machine, so that goes in turn too.
            let index = if round % 2 == 0 { turn } else { ROWS.len() - 1 - turn };
            let row = &ROWS[index];
            let what = format!("round {} of {}: {}", round + 1, args.rounds, row.name);
            let measuring = measure(row, &everything, cores, &args);
            measured[index] = Some(progress.during(&what, run_time, measuring).await?);
        }
        rounds.push(measured.into_iter().flatten().collect());
    }
    drop(progress);
    let compared = compare(&ROWS, &rounds);
    report(&Circumstances::new(&args, where_kept), &compared, args.json)?;
    verdict(&compared)
}

async fn measure(
    row: &Row,
    everything: &Everything,
    cores: Option<Cores>,
    args: &StackArgs,
) -> Result<Measured> {
    let options =
        if row.backend == Backend::Wayside { everything.options.clone() } else { Vec::new() };
    let plan = ServerPlan { core: cores.map(|cores| cores.server), options, ..row.plan() };
    let mut server = Server::start(&plan, 0, Duration::ZERO).await?;
    let spec = Spec {
        stack: Stack::TonicOne,
        addresses: vec![server.address],
        list_changes: false,
        workers: args.connections * args.streams,
        clients: args.connections,
        pace_ms: 0,
        timeout_ms: TIMEOUT.as_millis() as u64,
        keepalive_ms: None,
        // Whether the server looks at it or not: the client has the same work in every row.
        metadata: everything.metadata.clone(),
        measure: Some(Measure {
            warm_up_ms: WARM_UP.as_millis() as u64,
            window_ms: args.duration.as_millis() as u64,
        }),
    };
    let core = cores.map(|cores| cores.client);
    let started = Client::start(row.name, &spec, Path::new(""), core).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("the client cannot run: {why}"))?;
    client.warm_up(WARM_UP).await?;
    let before = server.cpu_time().await?;
    let totals = client.measure(row.name, args.duration).await?;
    let used = server.cpu_time().await?.saturating_sub(before);
    server.kill().await?;
    let calls = totals.calls as f64;
    Ok(Measured {
        calls_per_second: calls / totals.seconds,
        cpu_us: used.as_secs_f64() * 1e6 / calls,
        client_cpu_us: totals.cpu_seconds * 1e6 / calls,
    })
}
