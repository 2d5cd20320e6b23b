//! The connections of one subchannel.
//!
//! Calls share connections: each goes to the one with the fewest calls in flight. A connection is never taken out, so one slow call holds up nobody, and the number of calls at a
//! time is the number of connections times what the server takes on each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Duration;

use super::Subchannel;
use super::connection::Connection;

/// The most connections that a subchannel may have. Source: gRFC A105.
pub const MAX_CONNECTIONS: usize = 10;

/// How many connections there are to each endpoint, and for how long.
///
/// One is right for most: HTTP/2 carries many calls at a time. More are for a server behind a layer-4 balancer, which places connections, not calls; for one that takes few
/// calls on a connection; and for more throughput than one core gives to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Connections that are kept as long as the subchannel is READY. Default 1; from 1 to [`MAX_CONNECTIONS`].
    pub min: usize,
    /// Connections at the most; more than `min` are made when every one has as many calls as the server takes. Default 1; up to [`MAX_CONNECTIONS`].
    pub max: usize,
    /// After how long without a call a connection above `min` is closed. Default 5 minutes.
    pub idle_timeout: Duration,
    /// After how long a connection is replaced by a new one, give or take 10 %, so that a layer-4 balancer gets to place it anew and new servers behind it get their share.
    /// Calls on the old one finish. Default: never.
    pub max_lifetime: Option<Duration>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { min: 1, max: 1, idle_timeout: Duration::from_secs(5 * 60), max_lifetime: None }
    }
}

impl Pool {
    /// The nearest that is allowed: at least one connection, at most [`MAX_CONNECTIONS`], and no more at the least than at the most.
    pub(crate) fn clamped(self) -> Self {
        let max = self.max.clamp(1, MAX_CONNECTIONS);
        Self { min: self.min.clamp(1, max), max, ..self }
    }
}

/// What became of the wish for a connection.
#[derive(Debug)]
pub(super) enum Acquired {
    Connection(Arc<Connection>),
    /// Every connection has as many calls as the server takes; wait for [`Connections::freed`].
    Full,
    /// There is no connection any more; the picker is about to change.
    Gone,
}

/// The open connections of a subchannel.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: ArcSwap<Vec<Arc<Connection>>>,
    turn: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
    /// Somebody found all of them full.
    pub(super) grow: AtomicBool,
}

impl Connections {
    /// Takes a call's place on the connection with the fewest calls; of several, on the next in turn, so that calls one after the other use all of them.
    pub(super) fn acquire(&self, subchannel: &Subchannel) -> Acquired {
        let open = self.open.load();
        let turn = if open.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let (earlier, later) = open.split_at(turn.checked_rem(open.len()).unwrap_or_default());
        // Another call may be quicker; then there is one more call in flight each time round, so this ends.
        loop {
            let in_turn = later.iter().chain(earlier);
            let free = in_turn.filter(|one| one.is_open() && !one.is_full());
            match free.min_by_key(|one| one.in_flight()) {
                Some(least) => {
                    if least.acquire() {
                        return Acquired::Connection(least.clone());
                    }
                }
                None if open.iter().any(|one| one.is_open()) => {
                    if !self.grow.swap(true, Ordering::AcqRel) {
                        subchannel.changed.notify_one();
                    }
                    return Acquired::Full;
                }
                None => return Acquired::Gone,
            }
        }
    }

    /// Completes when a call has ended or a connection was added since this was called. Somebody has to hold a [`Waiting`] meanwhile.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Registers a waiting call, so that ended calls take the trouble to wake it.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self)
    }

    pub(super) fn released(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_one();
        }
    }

    pub(super) fn add(&self, connection: &Arc<Connection>) {
        self.open.rcu(|open| open.iter().chain([connection]).cloned().collect::<Vec<_>>());
        self.grow.store(false, Ordering::Release);
        self.freed.notify_waiters();
    }

    /// Takes a connection out; calls on it finish. Returns it if it was there.
    pub(super) fn remove(&self, number: u64) -> Option<Arc<Connection>> {
        let before = self.open.rcu(|open| {
            open.iter().filter(|one| one.number != number).cloned().collect::<Vec<_>>()
        });
        self.grow.store(false, Ordering::Release);
        // Who waited for it has to look elsewhere.
        self.freed.notify_waiters();
        before.iter().find(|one| one.number == number).cloned()
    }

    /// Takes all of them out, and says how many there were.
    pub(super) fn clear(&self) -> usize {
        let before = self.open.swap(Arc::default());
        self.freed.notify_waiters();
        before.len()
    }

    pub(super) fn all(&self) -> arc_swap::Guard<Arc<Vec<Arc<Connection>>>> {
        self.open.load()
    }
}

/// A call that waits until a connection takes it.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Connections);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
