//! What is known of all endpoints together, kept up to date one endpoint at a time.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use crate::ConnectivityState;
use crate::policy::Policy;
use crate::policy::pick_first::{PickFirst, Report};
use crate::subchannel::SubchannelId;

/// Endpoints by their subchannels, their states and their timers. An endpoint is an index into the list of its set.
#[derive(Debug, Default)]
pub(super) struct Overview {
    owners: HashMap<SubchannelId, usize>,
    ready: usize,
    connecting: usize,
    idle: BTreeSet<usize>,
    timers: BTreeSet<(Instant, usize)>,
}

/// What the overview knows of one endpoint.
#[derive(Debug)]
pub(super) struct Counted {
    subchannels: Vec<SubchannelId>,
    wake_at: Option<Instant>,
    report: Report,
}

/// What is new of an endpoint.
pub(super) struct News {
    /// Anything that others see of it.
    pub(super) report: bool,
    /// What its calls go to.
    pub(super) selected: bool,
}

impl Counted {
    pub(super) fn new(first: &PickFirst) -> Self {
        let mut counted = Self { subchannels: Vec::new(), wake_at: None, report: first.report() };
        counted.renew(first);
        counted
    }

    /// Takes the endpoint as it is now, which is to be between [`Overview::remove`] and [`Overview::add`].
    pub(super) fn renew(&mut self, first: &PickFirst) -> News {
        let report = first.report();
        let news = News {
            report: report != self.report,
            selected: report.selected != self.report.selected,
        };
        self.subchannels.clear();
        self.subchannels.extend(first.subchannels().map(|subchannel| subchannel.id()));
        self.wake_at = first.wake_at();
        self.report = report;
        news
    }
}

impl Overview {
    pub(super) fn add(&mut self, index: usize, counted: &Counted) {
        self.owners.extend(counted.subchannels.iter().map(|id| (*id, index)));
        self.timers.extend(counted.wake_at.map(|at| (at, index)));
        match counted.report.state {
            ConnectivityState::Idle => drop(self.idle.insert(index)),
            ConnectivityState::Connecting => self.connecting += 1,
            ConnectivityState::Ready => self.ready += 1,
            ConnectivityState::TransientFailure => {}
        }
    }

    /// Undoes [`add`](Self::add).
    pub(super) fn remove(&mut self, index: usize, counted: &Counted) {
        for id in &counted.subchannels {
            self.owners.remove(id);
        }
        if let Some(at) = counted.wake_at {
            self.timers.remove(&(at, index));
        }
        match counted.report.state {
            ConnectivityState::Idle => drop(self.idle.remove(&index)),
            ConnectivityState::Connecting => self.connecting -= 1,
            ConnectivityState::Ready => self.ready -= 1,
            ConnectivityState::TransientFailure => {}
        }
    }

    /// Which endpoint a subchannel belongs to.
    pub(super) fn owner(&self, id: SubchannelId) -> Option<usize> {
        self.owners.get(&id).copied()
    }

    /// The endpoints that are IDLE.
    pub(super) fn idle(&self) -> Vec<usize> {
        self.idle.iter().copied().collect()
    }

    /// When the next timer is due.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The endpoints whose timers are due.
    pub(super) fn due(&self, now: Instant) -> Vec<usize> {
        self.timers.range(..=(now, usize::MAX)).map(|(_, index)| *index).collect()
    }

    /// READY if any is; else CONNECTING if any may become READY; else TRANSIENT_FAILURE. Source: grpc/grpc `doc/load-balancing.md`.
    pub(super) fn state(&self) -> ConnectivityState {
        if self.ready > 0 {
            ConnectivityState::Ready
        } else if self.connecting > 0 || !self.idle.is_empty() {
            ConnectivityState::Connecting
        } else {
            ConnectivityState::TransientFailure
        }
    }
}
