//! A subchannel: one address, and the connections to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::uri::Authority;
use tokio::sync::Notify;

use crate::Address;
use crate::policy::CallTracker;

/// Tells the subchannels of one channel apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubchannelId(pub(crate) u64);

/// The state of a channel. Source: grpc/grpc `doc/connectivity-semantics-and-api.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectivityState {
    /// Nobody needs a connection.
    Idle,
    /// One is being made.
    Connecting,
    /// Calls can be sent.
    Ready,
    /// No connection could be made; it is tried again after a while.
    TransientFailure,
}

/// The state of one subchannel, as its policy is told.
#[derive(Clone, Debug)]
pub(crate) enum SubchannelState {
    /// There is no connection, and nobody tries to make one: a backoff has passed, or a connection has ended.
    Idle,
    Connecting,
    Ready,
    /// The connection stands, but calls are not to be sent: the server says that it is not healthy, or it was ejected as an outlier. Followed by
    /// `Ready` when that is over.
    Unhealthy(Arc<str>),
    /// Connecting has failed. `Idle` follows when the backoff has passed.
    TransientFailure(Arc<str>),
}

/// One address of an endpoint, and the connections to it.
pub struct Subchannel {
    id: SubchannelId,
    address: Address,
    authority: Authority,
    trackers: Vec<Arc<dyn CallTracker>>,
    /// Calls that are under way.
    in_flight: AtomicUsize,
    connect_wanted: AtomicBool,
    shut_down: AtomicBool,
    changed: Notify,
}

impl Subchannel {
    pub(crate) fn new(
        id: SubchannelId,
        address: Address,
        authority: Authority,
        trackers: Vec<Arc<dyn CallTracker>>,
    ) -> Self {
        Self {
            id,
            address,
            authority,
            trackers,
            in_flight: AtomicUsize::new(0),
            connect_wanted: AtomicBool::new(false),
            shut_down: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> SubchannelId {
        self.id
    }

    /// Where it connects to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Calls that were picked for it and are not over.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
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

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Acquire)
    }

    /// Gives the connections up; calls in flight finish.
    pub(crate) fn shut_down(&self) {
        self.shut_down.store(true, Ordering::Release);
        self.changed.notify_one();
    }
}

impl fmt::Debug for Subchannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Subchannel")
            .field(&self.id.0)
            .field(&format_args!("{}", self.address))
            .finish()
    }
}
