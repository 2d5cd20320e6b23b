//! A strategy on the stage: its client, and what the fault gives it to itself.

use std::net::SocketAddr;

use anyhow::Result;

use super::experiment::Setting;
use super::faults::Fault;
use super::protocol::{Call, Spec};
use super::stage::{Client, DeadEnd, Refusal, Server};
use super::strategies::Strategy;

/// A strategy that takes part in a run.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) strategy: &'static Strategy,
    pub(super) client: Client,
    /// Each client has a dead server of its own, so that its connects are its own.
    dead_end: Option<DeadEnd>,
    /// Held because it keeps the port from others.
    _refusal: Option<Refusal>,
}

/// A strategy that takes part, or one that cannot and why.
pub(super) type Joined = std::result::Result<Actor, (&'static Strategy, String)>;

impl Actor {
    /// Starts the client of a strategy for the servers that are `known` from the start.
    pub(super) async fn join(
        strategy: &'static Strategy,
        fault: Fault,
        known: &[(usize, Server)],
        setting: &Setting,
    ) -> Result<Joined> {
        if fault.needs_several_servers() && strategy.uses_one_server() {
            return Ok(Err((strategy, "it uses one server at a time".to_owned())));
        }
        let dead_end = if fault == Fault::Dead { Some(DeadEnd::open().await?) } else { None };
        let refusal = if fault == Fault::Refused { Some(Refusal::reserve()?) } else { None };
        let victim = dead_end.as_ref().map(|end| end.address);
        let victim = victim.or(refusal.as_ref().map(|refusal| refusal.address));
        let spec = spec(strategy, fault, victim, known, setting);
        let started = Client::start(strategy.name, &spec, &setting.python, None).await?;
        Ok(match started {
            Ok(client) => Ok(Self { strategy, client, dead_end, _refusal: refusal }),
            Err(why) => Err((strategy, why)),
        })
    }

    /// Every call of the client, which is told to finish, and its connects to the dead server until then.
    pub(super) async fn finish(mut self) -> Result<(&'static Strategy, Vec<Call>, Option<u64>)> {
        let connects = self.dead_end.as_ref().map(DeadEnd::connects);
        self.client.stop().await?;
        Ok((self.strategy, self.client.calls().await?, connects))
    }
}

fn spec(
    strategy: &Strategy,
    fault: Fault,
    victim: Option<SocketAddr>,
    known: &[(usize, Server)],
    setting: &Setting,
) -> Spec {
    let servers = known.iter().map(|(_, server)| server.address);
    Spec {
        stack: strategy.stack(),
        addresses: victim.into_iter().chain(servers).collect(),
        list_changes: fault == Fault::Scale,
        workers: setting.workers,
        clients: 1,
        pace_ms: fault.pace().as_millis() as u64,
        catches_up: false,
        timeout_ms: setting.timeout.as_millis() as u64,
        keepalive_ms: fault.keepalive().map(|time| time.as_millis() as u64),
        metadata: Vec::new(),
        counted: false,
    }
}
