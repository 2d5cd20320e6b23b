//! Makes the subchannels that a policy asks for.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::policy::{Controller, NewSubchannel};
use crate::resolver::ResolveNow;
use crate::subchannel::{self, Pool, SubchannelId, SubchannelState};
use crate::totals::Totals;
use crate::transport::Transport;
use crate::{ServiceConfig, Subchannel};

/// States that may wait to be told to the policy; then subchannels wait as well.
const MAX_QUEUED_STATES: usize = 1024;

/// Every subchannel of a channel, and what new ones are made of.
#[derive(Debug)]
pub(super) struct Subchannels {
    transport: Arc<Transport>,
    set_pool: Pool,
    pool: Pool,
    health_service: Option<Arc<str>>,
    resolve_now: Arc<ResolveNow>,
    totals: Arc<Totals>,
    states: mpsc::Sender<(SubchannelId, SubchannelState)>,
    next_id: u64,
    all: Vec<Arc<Subchannel>>,
    /// Whether there are others than when [`take_changed`](Self::take_changed) was last asked.
    changed: bool,
}

impl Subchannels {
    pub(super) fn new(
        transport: Arc<Transport>,
        pool: Pool,
        resolve_now: Arc<ResolveNow>,
        totals: Arc<Totals>,
    ) -> (Self, mpsc::Receiver<(SubchannelId, SubchannelState)>) {
        let (states, receiver) = mpsc::channel(MAX_QUEUED_STATES);
        let made = Self {
            transport,
            set_pool: pool,
            pool,
            health_service: None,
            resolve_now,
            totals,
            states,
            next_id: 0,
            all: Vec::new(),
            changed: false,
        };
        (made, receiver)
    }

    /// Takes what a service config says of new subchannels.
    pub(super) fn configure(&mut self, config: &ServiceConfig) {
        self.health_service = config.health_check_service().map(Arc::from);
        let max = config.max_connections().map_or(self.set_pool.max, |max| max as usize);
        self.pool = Pool { max, ..self.set_pool }.clamped();
    }

    /// Those that are in use, if they are others than when this was last asked.
    pub(super) fn take_changed(&mut self) -> Option<Vec<Arc<Subchannel>>> {
        let before = self.all.len();
        self.all.retain(|subchannel| !subchannel.is_shut_down());
        let changed = std::mem::take(&mut self.changed) || self.all.len() != before;
        changed.then(|| self.all.clone())
    }

    /// Calls that were given to any of them so far, and those that are under way.
    pub(super) fn activity(&self) -> (u64, usize) {
        let started = self.all.iter().map(|one| one.calls_started()).sum();
        (started, self.all.iter().map(|one| one.in_flight()).sum())
    }
}

impl Controller for Subchannels {
    fn new_subchannel(&mut self, new: NewSubchannel<'_>) -> Arc<Subchannel> {
        let id = SubchannelId(self.next_id);
        self.next_id += 1;
        let (address, authority) = (new.address.clone(), new.endpoint.authority.clone());
        let made =
            Arc::new(Subchannel::new(id, address, authority, new.trackers, self.totals.clone()));
        let context = subchannel::Context {
            subchannel: made.clone(),
            transport: self.transport.clone(),
            pool: self.pool,
            health_service: self.health_service.clone().filter(|_| new.health_checked),
            states: self.states.clone(),
        };
        made.owns(tokio::spawn(subchannel::run(context)).abort_handle());
        self.all.push(made.clone());
        self.changed = true;
        made
    }

    fn request_resolution(&mut self) {
        self.resolve_now.want();
    }
}

impl Drop for Subchannels {
    fn drop(&mut self) {
        for subchannel in &self.all {
            subchannel.shut_down();
        }
    }
}
