//! Where spans wait for the exporter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Takes spans and never makes anybody wait: what has no room is dropped and counted.
#[derive(Debug)]
pub struct SpanQueue<T> {
    state: Mutex<State<T>>,
    work: Notify,
    capacity: usize,
    batch: usize,
    exported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug)]
struct State<T> {
    pending: Vec<T>,
    /// The exporter has to be done by then.
    closed: Option<Instant>,
}

/// What became of the spans of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Those that were exported.
    pub exported: u64,
    /// Those that had no room in the queue.
    pub dropped: u64,
    /// Those that could not be exported.
    pub failed: u64,
}

impl SpanCounts {
    /// Those that nobody will see.
    pub fn lost(self) -> u64 {
        self.dropped + self.failed
    }
}

impl<T> SpanQueue<T> {
    pub(super) fn new(capacity: usize, batch: usize) -> Self {
        Self {
            state: Mutex::new(State { pending: Vec::new(), closed: None }),
            work: Notify::new(),
            capacity,
            batch: batch.min(capacity),
            exported: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Takes a span, if there is room.
    pub fn push(&self, span: T) {
        let mut state = self.lock();
        if state.closed.is_some() || state.pending.len() >= self.capacity {
            drop(state);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.pending.push(span);
        let full = state.pending.len() == self.batch;
        drop(state);
        if full {
            self.work.notify_one();
        }
    }

    /// What became of the spans until now.
    pub fn counts(&self) -> SpanCounts {
        SpanCounts {
            exported: self.exported.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Takes no more spans; those that wait are exported until then.
    pub(super) fn close(&self, until: Instant) {
        self.lock().closed = Some(until);
        self.work.notify_one();
    }

    /// When the exporter has to be done, once the queue is closed.
    pub(super) fn closed(&self) -> Option<Instant> {
        self.lock().closed
    }

    /// For the exporter: waits until there are as many spans as are exported at once, or until `delay` has passed, and swaps all of them into the empty `spans`. False:
    /// there are none and will be none.
    pub(super) async fn next(&self, spans: &mut Vec<T>, delay: std::time::Duration) -> bool {
        let mut due = Instant::now() + delay;
        loop {
            {
                let mut state = self.lock();
                let closed = state.closed.is_some();
                if closed && state.pending.is_empty() {
                    return false;
                }
                let is_due = Instant::now() >= due && !state.pending.is_empty();
                if closed || is_due || state.pending.len() >= self.batch {
                    std::mem::swap(&mut state.pending, spans);
                    return true;
                }
            }
            if Instant::now() >= due {
                due = Instant::now() + delay;
            }
            // What has ended the wait is seen by the next look.
            let _ = timeout_at(due, self.work.notified()).await;
        }
    }

    pub(super) async fn woken(&self) {
        self.work.notified().await;
    }

    pub(super) fn exported(&self, spans: usize) {
        self.exported.fetch_add(spans as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, spans: usize) {
        self.failed.fetch_add(spans as u64, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A push or a swap is one step, so a panic elsewhere cannot have left half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
