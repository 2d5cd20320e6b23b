//! A subchannel with at least one connection, and the upkeep of its pool.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

use super::connection::Connection;
use super::side_streams::SideStreams;
use super::task::{Context, Idle, TransientFailure};
use super::{Pool, SubchannelState};
use crate::backoff::Backoff;
use crate::status::{disconnect, is_too_many_pings};
use crate::totals::Disconnect;
use crate::transport::Opened;

/// How far a lifetime is from what is configured, at most, so that connections made together do not end together.
const LIFETIME_JITTER: f64 = 0.1;
/// A server that ends a connection sooner than this, without having answered a call, has not been connected to.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// Connected.
pub(super) struct Ready {
    context: Context,
    backoff: Backoff,
    /// Each connection's driver; completes with its number when it takes no more calls.
    drivers: JoinSet<(u64, Result<(), hyper::Error>)>,
    kept: Vec<Kept>,
    next_number: u64,
    began: Instant,
}

/// A connection, and what the upkeep has to know of it.
struct Kept {
    connection: Arc<Connection>,
    retire_at: Option<Instant>,
    /// Since when it was seen without a call, and how many it had been given then.
    unused: (Instant, u64),
}

/// What woke the upkeep.
enum Event {
    Ended(u64, Result<(), hyper::Error>),
    Opened(Result<Opened, Arc<str>>),
    /// A clock has run out, or a call found every connection full.
    Look,
    State(SubchannelState),
}

impl Ready {
    pub(super) fn new(context: Context, backoff: Backoff, opened: Opened) -> Self {
        let mut ready = Self {
            context,
            backoff,
            drivers: JoinSet::new(),
            kept: Vec::new(),
            next_number: 0,
            began: Instant::now(),
        };
        ready.add(opened);
        ready
    }

    /// Keeps the pool as it should be until its last connection has ended.
    pub(super) async fn serve(mut self) -> Result<Idle, TransientFailure> {
        let mut side_streams = SideStreams::new(&self.context, &self.kept[0].connection);
        self.context.report(side_streams.initial_state()).await;
        // At most one attempt at a time, and none before `not_before`.
        let (mut attempts, mut not_before) = (JoinSet::new(), Instant::now());
        let mut growing = Backoff::new();
        loop {
            let now = Instant::now();
            self.close_unused(now);
            let wanted = self.wants_another(now);
            if wanted && attempts.is_empty() && now >= not_before {
                attempts.spawn(self.context.open());
            }
            let retry = (wanted && attempts.is_empty()).then_some(not_before);
            match self.next_event(&mut attempts, &mut side_streams, retry).await {
                Event::Look => {}
                Event::State(state) => self.context.report(state).await,
                Event::Opened(Ok(opened)) => {
                    growing = Backoff::new();
                    self.add(opened);
                    self.retire_one(Instant::now());
                }
                Event::Opened(Err(why)) => {
                    tracing::debug!(%why, "another connection could not be made");
                    not_before = Instant::now() + growing.delay();
                }
                Event::Ended(number, how) => {
                    let was_answered = self.ended(number, how);
                    if self.kept.is_empty() {
                        drop(side_streams);
                        return self.lost(was_answered).await;
                    }
                    let open: Vec<_> = self.kept.iter().map(|kept| &kept.connection).collect();
                    side_streams.follow(&self.context, &open);
                }
            }
        }
    }

    fn add(&mut self, opened: Opened) {
        let now = Instant::now();
        let number = self.next_number;
        self.next_number += 1;
        let Opened { sender, own_task, max_streams, driver } = opened;
        let connection = Arc::new(Connection::new(number, sender, own_task, max_streams));
        // What it reads comes from outside, and perhaps by a connector of somebody's own: one that panics has ended, like one that fails.
        let driver = AssertUnwindSafe(driver).catch_unwind();
        self.drivers.spawn(async move { (number, driver.await.unwrap_or(Ok(()))) });
        self.context.subchannel.pool.add(&connection);
        let retire_at = self.pool().max_lifetime.map(|lifetime| {
            let jitter = fastrand::f64().mul_add(2.0 * LIFETIME_JITTER, 1.0 - LIFETIME_JITTER);
            now + lifetime.mul_f64(jitter)
        });
        self.kept.push(Kept { connection, retire_at, unused: (now, 0) });
    }

    fn pool(&self) -> Pool {
        self.context.pool
    }

    /// Whether there should be one connection more: for the minimum, for calls that found all full, or to replace one that is too old.
    fn wants_another(&self, now: Instant) -> bool {
        let (count, pool) = (self.kept.len(), self.pool());
        let full = self.context.subchannel.pool.grow.load(Ordering::Acquire);
        let old = self.kept.iter().any(|kept| kept.retire_at.is_some_and(|at| at <= now));
        count < pool.min || (full && count < pool.max) || (old && count <= pool.max)
    }

    /// Closes the connection that is too old, now that there is another in its place.
    fn retire_one(&mut self, now: Instant) {
        let old = self.kept.iter().position(|kept| kept.retire_at.is_some_and(|at| at <= now));
        if let Some(old) = old {
            self.forget(old);
        }
    }

    /// Closes connections above the minimum that had no call for a while.
    fn close_unused(&mut self, now: Instant) {
        let pool = self.pool();
        let mut index = 0;
        while index < self.kept.len() {
            let kept = &mut self.kept[index];
            let started = kept.connection.started();
            if kept.connection.in_flight() > 0 || kept.unused.1 != started {
                kept.unused = (now, started);
            }
            let unused_for = now - kept.unused.0;
            if unused_for >= pool.idle_timeout && self.kept.len() > pool.min {
                self.forget(index);
            } else {
                index += 1;
            }
        }
    }

    /// Takes a connection out of the pool. Its driver ends when the last call on it has.
    fn forget(&mut self, index: usize) {
        let kept = self.kept.remove(index);
        self.context.subchannel.pool.remove(kept.connection.number);
        self.context.subchannel.totals.disconnected(Disconnect::Shutdown);
    }

    /// A connection takes no more calls. Returns whether the server had ever answered one on it.
    fn ended(&mut self, number: u64, how: Result<(), hyper::Error>) -> bool {
        if how.as_ref().is_err_and(is_too_many_pings) {
            self.context.transport.pings.too_many();
        }
        self.context.subchannel.pool.remove(number);
        let Some(at) = self.kept.iter().position(|kept| kept.connection.number == number) else {
            return true;
        };
        self.context.subchannel.totals.disconnected(disconnect(&how));
        self.kept.remove(at).connection.has_answered()
    }

    async fn lost(self, was_answered: bool) -> Result<Idle, TransientFailure> {
        let Self { context, backoff, began, .. } = self;
        if !was_answered && began.elapsed() < TOO_SHORT {
            let why = format!(
                "{}: the server ended the connection at once",
                context.subchannel.address()
            );
            return Err(TransientFailure { context, backoff, began, why: why.into() });
        }
        // Wishes of the time when it was connected.
        context.subchannel.take_connect();
        context.report(SubchannelState::Idle).await;
        // The server's SETTINGS have come: the next failure is the first again.
        Ok(Idle { context, backoff: Backoff::new() })
    }

    /// When the upkeep has something to do by the clock.
    fn look_at(&self, now: Instant) -> Option<Instant> {
        let pool = self.pool();
        let retire = self.kept.iter().filter_map(|kept| kept.retire_at).filter(|at| *at > now);
        let unused = self.kept.iter().map(|kept| kept.unused.0 + pool.idle_timeout);
        let unused = unused.map(|at| at.max(now + pool.idle_timeout / 4));
        let unused = (self.kept.len() > pool.min).then(|| unused.min()).flatten();
        retire.chain(unused).min()
    }

    async fn next_event(
        &mut self,
        attempts: &mut JoinSet<Result<Opened, Arc<str>>>,
        side_streams: &mut SideStreams,
        retry: Option<Instant>,
    ) -> Event {
        let look_at = self.look_at(Instant::now()).into_iter().chain(retry).min();
        let subchannel = self.context.subchannel.clone();
        tokio::select! {
            Some(Ok((number, how))) = self.drivers.join_next() => Event::Ended(number, how),
            // A panic inside an attempt, the only way to fail, is a failure of the attempt.
            Some(opened) = attempts.join_next() => {
                Event::Opened(opened.unwrap_or_else(|error| Err(error.to_string().into())))
            }
            state = side_streams.next() => Event::State(state),
            () = subchannel.changed.notified() => Event::Look,
            () = sleep_until_some(look_at) => Event::Look,
        }
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
