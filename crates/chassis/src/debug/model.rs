//! What the page shows, as JSON has it.

use serde::Serialize;
use serde_json::Value;
use wayside_balance::{ResolverSnapshot, SubchannelSnapshot};

use super::recent::FinishedCall;
use crate::ServerView;
use crate::metrics::Watched;

/// The whole page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) servers: Vec<Server>,
    /// The newest first.
    pub(super) calls: Vec<FinishedCall>,
}

/// A server, and the channels that it makes its calls with.
#[derive(Debug, Serialize)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) channels: Vec<Channel>,
}

#[derive(Debug, Serialize)]
pub(super) struct Channel {
    pub(super) target: String,
    pub(super) state: String,
    /// Outermost first.
    pub(super) policy: String,
    pub(super) waiting_calls: usize,
    pub(super) resolver: Resolver,
    /// As its author wrote it.
    pub(super) service_config: Value,
    pub(super) subchannels: Vec<Subchannel>,
    pub(super) connections_made: u64,
    pub(super) connections_failed: u64,
    pub(super) disconnections: Vec<Count>,
    pub(super) ejections: Vec<Count>,
    pub(super) circuit_breaker: &'static str,
    pub(super) calls: u64,
    pub(super) retries: u64,
    pub(super) hedges: u64,
    /// Calls that were not sent again although their policy allowed it.
    pub(super) not_retried: Vec<Count>,
    /// Those that are left for retries; below half of the most nothing is retried. `null` without throttling.
    pub(super) retry_tokens: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Resolver {
    /// The addresses of each endpoint.
    pub(super) endpoints: Vec<Vec<String>>,
    /// `null` before the first answer.
    pub(super) answered_seconds_ago: Option<f64>,
    /// What was wrong with the last answer; then the endpoints are those of the one before.
    pub(super) error: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Subchannel {
    pub(super) address: String,
    pub(super) state: String,
    pub(super) since_seconds: f64,
    /// Why it is in TRANSIENT_FAILURE, or is not used although it is READY.
    pub(super) reason: Option<String>,
    pub(super) connections: usize,
    pub(super) in_flight: usize,
    pub(super) picks: u64,
    pub(super) connection_attempts: u64,
    pub(super) failed_connection_attempts: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Count {
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

impl Page {
    /// Everything as it is now.
    pub(super) fn of(servers: &[ServerView]) -> Self {
        let mut calls: Vec<_> = servers
            .iter()
            .filter_map(|server| Some((server, server.recent.as_ref()?)))
            .flat_map(|(server, recent)| recent.finished(&server.name))
            .collect();
        calls.sort_by(|one, other| one.ended_seconds_ago.total_cmp(&other.ended_seconds_ago));
        calls.truncate(super::recent::KEPT);
        let servers = servers.iter().map(|server| Server {
            name: server.name.clone(),
            channels: server.channels().iter().map(Channel::of).collect(),
        });
        Self { servers: servers.collect(), calls }
    }
}

impl Channel {
    fn of(watched: &Watched) -> Self {
        let snapshot = watched.channel.snapshot();
        let (totals, retries) = (&snapshot.totals, &watched.retries);
        let json = snapshot.service_config.json();
        Self {
            target: snapshot.target,
            state: snapshot.state.to_string(),
            policy: snapshot.policy,
            waiting_calls: snapshot.waiting,
            resolver: Resolver::of(&snapshot.resolver),
            // It was JSON when the channel read it.
            service_config: serde_json::from_str(json).unwrap_or_default(),
            subchannels: snapshot.subchannels.iter().map(Subchannel::of).collect(),
            connections_made: totals.connected,
            connections_failed: totals.connections_failed,
            disconnections: counts(totals.disconnected.iter().copied()),
            ejections: counts(totals.ejected.iter().copied()),
            circuit_breaker: watched.breaker_state(),
            calls: retries.calls(),
            retries: retries.retries(),
            hedges: retries.hedges(),
            not_retried: counts(watched.not_retried()),
            retry_tokens: watched.tokens().map(|(tokens, _)| tokens),
        }
    }
}

fn counts(counts: impl IntoIterator<Item = (&'static str, u64)>) -> Vec<Count> {
    let all = counts.into_iter().map(|(reason, count)| Count { reason, count });
    all.filter(|count| count.count > 0).collect()
}

impl Resolver {
    fn of(snapshot: &ResolverSnapshot) -> Self {
        let endpoints = snapshot
            .list
            .iter()
            .map(|endpoint| endpoint.addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
        Self {
            endpoints: endpoints.collect(),
            answered_seconds_ago: snapshot.answered.map(|ago| ago.as_secs_f64()),
            error: snapshot.error.clone(),
        }
    }
}

impl Subchannel {
    fn of(snapshot: &SubchannelSnapshot) -> Self {
        Self {
            address: snapshot.address.to_string(),
            state: snapshot.state.to_string(),
            since_seconds: snapshot.since.as_secs_f64(),
            reason: snapshot.reason.clone().or_else(|| snapshot.ejected.clone()),
            connections: snapshot.connections,
            in_flight: snapshot.in_flight,
            picks: snapshot.calls,
            connection_attempts: snapshot.connection_attempts,
            failed_connection_attempts: snapshot.failed_connection_attempts,
        }
    }
}
