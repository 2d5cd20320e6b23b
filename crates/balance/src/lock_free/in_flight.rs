//! How many calls are under way.

use super::sync::{AtomicUsize, Ordering};

/// A count of calls. Each that is added is removed once.
#[derive(Debug)]
pub(crate) struct InFlight(AtomicUsize);

impl InFlight {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A call begins.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// A call that was added is over.
    pub(crate) fn remove(&self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "more calls have ended than have begun");
    }
}
