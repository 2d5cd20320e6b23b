use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Duration, Instant};

use super::call::{Call, FinishedCall};
use super::{AttemptObserver, CallObserver};

/// How many calls are kept.
pub(crate) const KEPT: usize = 200;
/// The shortest time between two calls that are kept. Where more come, the last 200 would be over before anybody could read them.
const APART: Duration = Duration::from_millis(1);

/// The last calls of a server. A clone is the same list.
#[derive(Clone, Debug)]
pub(crate) struct Recent(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    calls: Mutex<VecDeque<Arc<Call>>>,
    epoch: Instant,
    /// When the next call may be kept, in microseconds after the epoch.
    next: AtomicU64,
}

impl Recent {
    pub(crate) fn new() -> Self {
        let epoch = Instant::now();
        Self(Arc::new(Ring { calls: Mutex::default(), epoch, next: AtomicU64::new(0) }))
    }

    /// What writes down the calls to a target.
    pub(crate) fn observers(&self, target: &str) -> (CallObserver, AttemptObserver) {
        (CallObserver { recent: self.clone(), target: target.into() }, AttemptObserver)
    }

    /// Whether a call that begins now is to be kept.
    pub(super) fn takes(&self, began: Instant) -> bool {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let now = micros(began.saturating_duration_since(self.0.epoch));
        let next = self.0.next.load(Ordering::Relaxed);
        // Of several at once, one.
        let then = now.saturating_add(micros(APART));
        now >= next
            && self
                .0
                .next
                .compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Keeps a call that is over.
    pub(super) fn keep(&self, call: Arc<Call>) {
        let mut calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = (calls.len() == KEPT).then(|| calls.pop_front());
        calls.push_back(call);
        drop(calls);
        // What it held is freed outside of the lock.
        drop(gone);
    }

    /// The calls as those of `server`, the oldest first.
    pub(crate) fn finished(&self, server: &str) -> Vec<FinishedCall> {
        let calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = Instant::now();
        calls.iter().filter_map(|call| call.finished(server, now)).collect()
    }
}
