//! A subchannel: one address, and the connections to it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::uri::Authority;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::Address;
use crate::lock_free::InFlight;
use crate::policy::CallTracker;
use crate::totals::{DetectionMethod, Disconnect, Totals};

mod call;
mod connection;
mod pool;
mod ready;
mod side_streams;
mod state;
mod task;

pub(crate) use call::{Picked, Place};
use pool::Connections;
pub use pool::{MAX_CONNECTIONS, Pool};
pub use state::ConnectivityState;
pub(crate) use state::SubchannelState;
pub(crate) use task::{Context, run};

/// Tells the subchannels of one channel apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubchannelId(pub(crate) u64);

/// One address of an endpoint, and the connections to it.
pub struct Subchannel {
    id: SubchannelId,
    address: Address,
    authority: Authority,
    trackers: Vec<Arc<dyn CallTracker>>,
    in_flight: InFlight,
    pool: Connections,
    connect_wanted: AtomicBool,
    changed: Notify,
    shut_down: AtomicBool,
    task: OnceLock<AbortHandle>,
    pub(crate) counts: Counts,
    /// Those of the channel.
    totals: Arc<Totals>,
    /// Why it is not used although it is READY, if its endpoint was ejected as an outlier.
    ejected: ArcSwapOption<String>,
    state: ArcSwap<(SubchannelState, Instant)>,
}

/// What a subchannel has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Calls that were picked for it.
    pub(crate) started: AtomicU64,
    /// Attempts to connect.
    pub(crate) attempts: AtomicU64,
    /// Those of them that failed.
    pub(crate) failed_attempts: AtomicU64,
}

impl Subchannel {
    pub(crate) fn new(
        id: SubchannelId,
        address: Address,
        authority: Authority,
        trackers: Vec<Arc<dyn CallTracker>>,
        totals: Arc<Totals>,
    ) -> Self {
        Self {
            id,
            address,
            authority,
            trackers,
            in_flight: InFlight::new(),
            pool: Connections::default(),
            connect_wanted: AtomicBool::new(false),
            changed: Notify::new(),
            shut_down: AtomicBool::new(false),
            task: OnceLock::new(),
            counts: Counts::default(),
            totals,
            ejected: ArcSwapOption::empty(),
            state: ArcSwap::from_pointee((SubchannelState::Idle, Instant::now())),
        }
    }

    pub(crate) fn id(&self) -> SubchannelId {
        self.id
    }

    /// Where it connects to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the server is called.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Calls that were picked for it and are not over.
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Where its calls are counted, from the pick to the end.
    pub(crate) fn calls(&self) -> &InFlight {
        &self.in_flight
    }

    pub(crate) fn connections(&self) -> usize {
        self.pool.all().len()
    }

    /// Its state, and since when.
    pub(crate) fn state(&self) -> Arc<(SubchannelState, Instant)> {
        self.state.load_full()
    }

    /// Connects if it is idle; otherwise when the backoff has passed. Never waits.
    pub(crate) fn connect(&self) {
        if !self.connect_wanted.swap(true, Ordering::AcqRel) {
            self.changed.notify_one();
        }
    }

    /// Whether it was asked to connect since this was last called.
    pub(crate) fn take_connect(&self) -> bool {
        self.connect_wanted.swap(false, Ordering::AcqRel)
    }

    /// Has its task end with it.
    pub(crate) fn owns(&self, task: AbortHandle) {
        if let Err(task) = self.task.set(task) {
            task.abort();
        }
    }

    /// Its endpoint is ejected, for this reason, or no longer is.
    pub(crate) fn set_ejected(&self, why: Option<&str>) {
        self.ejected.store(why.map(|why| Arc::new(why.to_owned())));
    }

    /// Counts an ejection of its endpoint.
    pub(crate) fn count_ejection(&self, method: DetectionMethod) {
        self.totals.ejected(method);
    }

    /// What its channel has counted.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(crate) fn ejected(&self) -> Option<Arc<String>> {
        self.ejected.load_full()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Acquire)
    }

    /// Gives the connections up; calls in flight finish.
    pub(crate) fn shut_down(&self) {
        self.shut_down.store(true, Ordering::Release);
        if let Some(task) = self.task.get() {
            task.abort();
        }
        for _ in 0..self.pool.clear() {
            self.totals.disconnected(Disconnect::Shutdown);
        }
    }
}

impl fmt::Debug for Subchannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("Subchannel");
        tuple.field(&self.id.0).field(&format_args!("{}", self.address)).finish()
    }
}
