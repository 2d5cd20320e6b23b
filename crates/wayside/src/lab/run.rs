//! The whole of `wayside lab`.

use std::io::{Write, stdout};

use anyhow::{Result, bail};
use tokio::runtime::Runtime;
use tokio::time::Duration;
use wayside_chassis::{Interrupted, run_until_signal};

use super::args::{LabArgs, LabCommand};
use super::experiment::{Outcome, Row, Setting, experiment};
use super::explain;
use super::faults::Fault;
use super::progress::Progress;
use super::report::{Conditions, document, missed, table};
use super::stack::stack;
use super::strategies::{STRATEGIES, Strategy};
use super::throughput::throughput;
use super::traces::traces;

/// What a run needs besides the time in which clients call: processes start and end.
const AROUND: Duration = Duration::from_secs(2);

/// Runs what is asked for, until a signal comes.
///
/// # Errors
/// When a bar of ours is missed, something cannot be run, or a signal came. All child processes have been killed by then.
pub(crate) fn lab(args: LabArgs) -> Result<Result<(), Interrupted>> {
    if args.list {
        stdout().lock().write_all(explain::everything().as_bytes())?;
        return Ok(Ok(()));
    }
    Runtime::new()?
        .block_on(run_until_signal(|stop| async move {
            let work = async {
                match args.command.clone() {
                    Some(LabCommand::Throughput(args)) => throughput(args).await,
                    Some(LabCommand::Stack(args)) => stack(args).await,
                    Some(LabCommand::Traces(args)) => traces(args).await,
                    None => faults(args).await,
                }
            };
            tokio::select! {
                done = work => done,
                () = stop.cancelled() => bail!("stopped by a signal before it was done"),
            }
        }))?
        .map_or_else(|interrupted| Ok(Err(interrupted)), |done| done.map(Ok))
}

/// Runs every fault that is asked for, and reports.
async fn faults(args: LabArgs) -> Result<()> {
    let chosen: Vec<_> =
        Fault::all().iter().filter(|f| args.faults.is_empty() || args.faults.contains(f)).collect();
    let strategies: Vec<&'static Strategy> = STRATEGIES
        .iter()
        .filter(|s| args.strategies.is_empty() || args.strategies.iter().any(|a| a.name == s.name))
        .collect();
    let groups = |fault: Fault| groups(&strategies, args.alone || fault.wants_quiet());
    let time_of = |fault: Fault| args.duration.unwrap_or_else(|| fault.duration());
    let needed = |fault: Fault| (time_of(fault) + AROUND) * groups(fault).len() as u32;
    let expected = chosen.iter().map(|fault| needed(**fault)).sum::<Duration>();
    let mut progress = Progress::new(expected);
    let conditions = Conditions::here(args.common.server, args.workers);
    if !args.common.json {
        progress.print(&format!("{conditions}\n"))?;
    }
    let setting = setting(&args);
    let mut rows = Vec::new();
    for fault in chosen.into_iter().copied() {
        let time = time_of(fault);
        let first = rows.len();
        for group in groups(fault) {
            let what = label(fault, &group);
            let run = experiment(fault, &group, time, &setting);
            rows.extend(progress.during(&what, time + AROUND, run).await?);
        }
        if !args.common.json {
            progress.print(&table(fault, &rows[first..]))?;
        }
    }
    drop(progress);
    if args.common.json {
        writeln!(stdout().lock(), "{}", document(&conditions, &rows)?)?;
    }
    verdict(&rows, args.common.json)
}

/// Which strategies run at the same time.
fn groups(strategies: &[&'static Strategy], alone: bool) -> Vec<Vec<&'static Strategy>> {
    if alone {
        strategies.iter().map(|strategy| vec![*strategy]).collect()
    } else {
        vec![strategies.to_vec()]
    }
}

fn label(fault: Fault, group: &[&'static Strategy]) -> String {
    match group {
        [strategy] => format!("{}: {}", fault.name(), strategy.name),
        _ => format!("{}: {} strategies", fault.name(), group.len()),
    }
}

fn setting(args: &LabArgs) -> Setting {
    Setting {
        backend: args.common.server,
        workers: args.workers,
        restarts: args.restarts,
        timeout: args.timeout,
        python: args.python.clone(),
    }
}

fn verdict(rows: &[Row], json: bool) -> Result<()> {
    let missed = missed(rows);
    if !missed.is_empty() {
        bail!("{} of our bars missed:\n  {}", missed.len(), missed.join("\n  "));
    }
    let (ours, not_run) = ours(rows);
    if !json && ours > not_run {
        let rest = match not_run {
            0 => String::new(),
            count => format!("; {count} of {ours} rows of ours were not run"),
        };
        writeln!(stdout().lock(), "\nEvery bar of ours is met{rest}.")?;
    }
    Ok(())
}

/// How many rows are of our strategies, and how many of these were not run.
fn ours(rows: &[Row]) -> (usize, usize) {
    let ours = rows.iter().filter(|row| row.strategy.is_ours());
    let not_run = ours.clone().filter(|row| matches!(row.outcome, Outcome::Unable(_)));
    (ours.clone().count(), not_run.count())
}
