//! One fault, and the strategies that meet it.

use std::path::PathBuf;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::Duration;

use super::actor::Actor;
use super::bars::{Check, checks};
use super::faults::Fault;
use super::figures::{Figures, Timeline};
use super::script::{Stage, play};
use super::stage::{Backend, Server, ServerPlan};
use super::strategies::Strategy;

const SERVERS: usize = 3;
/// How many servers there are once some were added.
const SCALED_SERVERS: usize = 6;

/// What all runs have in common.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) backend: Backend,
    pub(super) workers: u32,
    pub(super) restarts: u32,
    pub(super) timeout: Duration,
    pub(super) python: PathBuf,
}

/// A strategy under a fault.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) fault: Fault,
    pub(crate) strategy: &'static Strategy,
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ran {
        figures: Box<Figures>,
        checks: Vec<Check>,
    },
    /// Why it could not run.
    Unable(String),
}

/// Starts servers and clients, lets the fault happen, and gives a row for each strategy, in their order.
pub(super) async fn experiment(
    fault: Fault,
    strategies: &[&'static Strategy],
    duration: Duration,
    setting: &Setting,
) -> Result<Vec<Row>> {
    let servers = start_servers(fault, setting.backend).await?;
    let known = &servers[..servers.len().min(SERVERS)];
    let joining = strategies.iter().map(|&strategy| Actor::join(strategy, fault, known, setting));
    let (mut actors, mut rows) = (Vec::new(), Vec::new());
    for joined in try_join_all(joining).await? {
        match joined {
            Ok(actor) => actors.push(actor),
            Err((strategy, why)) => {
                rows.push(Row { fault, strategy, outcome: Outcome::Unable(why) });
            }
        }
    }
    if !actors.is_empty() {
        let mut stage = Stage { servers, actors, known: SERVERS };
        let timeline = play(&mut stage, fault, duration, setting.restarts).await?;
        let timeline = Timeline { servers: server_count(fault), ..timeline };
        let finishing = stage.actors.into_iter().map(Actor::finish);
        for (strategy, calls, connects) in try_join_all(finishing).await? {
            let figures = Box::new(Figures::new(&calls, &timeline, connects));
            let checks = checks(fault, strategy, &figures, setting.workers);
            rows.push(Row { fault, strategy, outcome: Outcome::Ran { figures, checks } });
        }
        for (_, server) in &mut stage.servers {
            server.kill().await?;
        }
    }
    rows.sort_by_key(|row| strategies.iter().position(|asked| std::ptr::eq(*asked, row.strategy)));
    Ok(rows)
}

fn server_count(fault: Fault) -> usize {
    if fault == Fault::Scale { SCALED_SERVERS } else { SERVERS }
}

async fn start_servers(fault: Fault, backend: Backend) -> Result<Vec<(usize, Server)>> {
    let first = usize::from(matches!(fault, Fault::Refused | Fault::Dead));
    // Half of the time, because pings do not arrive as regularly as they are sent.
    let plan = ServerPlan {
        permit_pings: fault.keepalive().map(|time| time / 2),
        ..ServerPlan::of(backend)
    };
    let plan = &plan;
    let starts = (first..server_count(fault)).map(|number| async move {
        let extra = if number == Fault::VICTIM { fault.extra_delay() } else { Duration::ZERO };
        anyhow::Ok((number, Server::start(plan, number, fault.delay() + extra).await?))
    });
    try_join_all(starts).await
}
