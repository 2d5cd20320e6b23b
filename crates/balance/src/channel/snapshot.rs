//! What a channel looks like from outside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use tokio::time::{Duration, Instant};
use tonic::Status;

use super::Inner;
use crate::totals::TotalsSnapshot;
use crate::{Address, ConnectivityState, Endpoint, ServiceConfig, Subchannel};

/// A channel at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// What it connects to, as it was written.
    pub target: String,
    /// Its state.
    pub state: ConnectivityState,
    /// The policies in use, outermost first, as `outlier_detection_experimental > round_robin`; empty while the channel is idle.
    pub policy: String,
    /// Calls that wait for a connection.
    pub waiting: usize,
    /// What the resolver said last.
    pub resolver: ResolverSnapshot,
    /// How calls are made: what the resolver has said, else what the channel was built with.
    pub service_config: Arc<ServiceConfig>,
    /// Every subchannel, in the order in which they were made.
    pub subchannels: Vec<SubchannelSnapshot>,
    /// What was counted since the channel was made.
    pub totals: TotalsSnapshot,
}

/// What a channel knows from its resolver.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResolverSnapshot {
    /// How many endpoints are in use.
    pub endpoints: usize,
    /// Which those are.
    pub list: Arc<[Endpoint]>,
    /// How long ago the last answer came; `None` before the first.
    pub answered: Option<Duration>,
    /// What was wrong with the last answer, if it was not used: the one before it still is.
    pub error: Option<String>,
}

/// A subchannel at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubchannelSnapshot {
    /// Where it connects to.
    pub address: Address,
    /// Its state.
    pub state: ConnectivityState,
    /// Why it is in TRANSIENT_FAILURE.
    pub reason: Option<String>,
    /// Why no calls are sent there although it is READY, if its endpoint was ejected as an outlier.
    pub ejected: Option<String>,
    /// For how long it has been in this state.
    pub since: Duration,
    /// Open connections.
    pub connections: usize,
    /// Calls under way.
    pub in_flight: usize,
    /// Calls that were picked for it so far, this one's re-picks included.
    pub calls: u64,
    /// Attempts to connect so far.
    pub connection_attempts: u64,
    /// Those of them that failed.
    pub failed_connection_attempts: u64,
}

/// What the channel's task writes down for snapshots.
#[derive(Debug, Default)]
pub(super) struct Board {
    subchannels: ArcSwap<Vec<Arc<Subchannel>>>,
    resolver: ArcSwap<Resolved>,
}

/// What the resolver said.
#[derive(Clone, Debug, Default)]
struct Resolved {
    policy: String,
    endpoints: Arc<[Endpoint]>,
    at: Option<Instant>,
    error: Option<String>,
}

impl Board {
    pub(super) fn subchannels(&self, all: Vec<Arc<Subchannel>>) {
        self.subchannels.store(Arc::new(all));
    }

    /// An answer is in use.
    pub(super) fn resolved(&self, endpoints: Vec<Endpoint>, policy: String) {
        let (at, endpoints) = (Some(Instant::now()), endpoints.into());
        self.resolver.store(Arc::new(Resolved { policy, endpoints, at, error: None }));
    }

    /// An answer could not be used.
    pub(super) fn not_resolved(&self, error: &Status) {
        let last = Resolved::clone(&self.resolver.load());
        let (at, error) = (Some(Instant::now()), Some(error.message().to_owned()));
        self.resolver.store(Arc::new(Resolved { at, error, ..last }));
    }

    /// Whether the resolver has said something since the channel was last idle.
    pub(super) fn has_answer(&self) -> bool {
        self.resolver.load().at.is_some()
    }

    /// The channel is idle.
    pub(super) fn idle(&self) {
        self.resolver.store(Arc::default());
    }

    pub(super) fn snapshot(&self, inner: &Inner) -> Snapshot {
        let resolved = self.resolver.load();
        let current = inner.pictures.now();
        Snapshot {
            target: inner.target.to_string(),
            state: current.picture.state,
            policy: resolved.policy.clone(),
            waiting: inner.pictures.waiting(),
            resolver: ResolverSnapshot {
                endpoints: resolved.endpoints.len(),
                list: resolved.endpoints.clone(),
                answered: resolved.at.map(|at| at.elapsed()),
                error: resolved.error.clone(),
            },
            service_config: current.config.clone(),
            totals: inner.totals.snapshot(),
            subchannels: self.subchannels.load().iter().map(|one| one.snapshot()).collect(),
        }
    }
}

impl Subchannel {
    pub(crate) fn calls_started(&self) -> u64 {
        self.counts.started.load(Ordering::Relaxed)
    }

    /// What it looks like from outside.
    pub fn snapshot(&self) -> SubchannelSnapshot {
        let current = self.state();
        let (state, reason) = current.0.public();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        SubchannelSnapshot {
            address: self.address().clone(),
            state,
            reason: reason.map(ToOwned::to_owned),
            ejected: self.ejected().map(|why| String::clone(&why)),
            since: current.1.elapsed(),
            connections: self.connections(),
            in_flight: self.in_flight(),
            calls: self.calls_started(),
            connection_attempts: count(&self.counts.attempts),
            failed_connection_attempts: count(&self.counts.failed_attempts),
        }
    }
}
