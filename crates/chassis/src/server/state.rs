//! What the parts of one connection know of each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One connection, as its I/O, its calls and its driver see it.
#[derive(Debug)]
pub(super) struct ConnectionState {
    calls: AtomicUsize,
    idle_since: Mutex<Instant>,
    established: AtomicBool,
    last_stream: AtomicUsize,
    insert: Mutex<Option<Vec<u8>>>,
    /// Cheaper to ask than the lock, for each write.
    insert_waits: AtomicBool,
    violated: AtomicBool,
    violation: Notify,
    /// Cancelled when calls that are still in flight have to end at once.
    pub(super) cut: CancellationToken,
}

impl ConnectionState {
    pub(super) fn new() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            idle_since: Mutex::new(Instant::now()),
            established: AtomicBool::new(false),
            last_stream: AtomicUsize::new(0),
            insert: Mutex::new(None),
            insert_waits: AtomicBool::new(false),
            violated: AtomicBool::new(false),
            violation: Notify::new(),
            cut: CancellationToken::new(),
        }
    }

    pub(super) fn call_begins(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call_ends(&self) {
        if self.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            *lock(&self.idle_since) = Instant::now();
        }
    }

    pub(super) fn has_calls(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    /// Since when there is no call; `None` when there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (!self.has_calls()).then(|| *lock(&self.idle_since))
    }

    /// The client has spoken: HTTP/2 with its SETTINGS, or HTTP/1.1.
    pub(super) fn establish(&self) {
        self.established.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_established(&self) -> bool {
        self.established.load(Ordering::Relaxed)
    }

    pub(super) fn saw_stream(&self, id: u32) {
        self.last_stream.fetch_max(id as usize, Ordering::Relaxed);
    }

    pub(super) fn last_stream(&self) -> u32 {
        u32::try_from(self.last_stream.load(Ordering::Relaxed)).unwrap_or(u32::MAX >> 1)
    }

    /// Has a frame put between the next two frames that are written.
    pub(super) fn insert(&self, frame: Vec<u8>) {
        *lock(&self.insert) = Some(frame);
        self.insert_waits.store(true, Ordering::Release);
    }

    /// The frame that waits to be put in.
    pub(super) fn take_insert(&self) -> Option<Vec<u8>> {
        if !self.insert_waits.swap(false, Ordering::AcqRel) {
            return None;
        }
        lock(&self.insert).take()
    }

    pub(super) fn has_insert(&self) -> bool {
        self.insert_waits.load(Ordering::Acquire)
    }

    /// The client has broken a rule: the driver ends the connection.
    pub(super) fn violate(&self) {
        self.violated.store(true, Ordering::Release);
        self.violation.notify_one();
    }

    pub(super) fn is_violated(&self) -> bool {
        self.violated.load(Ordering::Acquire)
    }

    /// Waits until the client has broken a rule.
    pub(super) async fn violation(&self) {
        self.violation.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The values are replaced whole, so a panic elsewhere cannot have left half of one.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
