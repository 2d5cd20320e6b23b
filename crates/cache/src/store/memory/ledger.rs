//! How many bytes of the process's limit are taken.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts bytes, and never beyond the limit. Relaxed, because the number orders nothing but itself.
#[derive(Debug)]
pub(super) struct Ledger {
    used: AtomicU64,
    limit: u64,
}

impl Ledger {
    pub(super) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    /// Takes bytes, all or none. False: there is no room for them.
    pub(super) fn reserve(&self, bytes: u64) -> bool {
        let room = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }

    /// Whether [`reserve`](Self::reserve) would succeed if so many bytes more, or fewer, were taken already.
    pub(super) fn has_room(&self, bytes: u64, taken_besides: i64) -> bool {
        let used = self.used.load(Ordering::Relaxed).saturating_add_signed(taken_besides);
        // As with `reserve`, what takes nothing fits where nothing is left.
        bytes == 0 || used.checked_add(bytes).is_some_and(|sum| sum <= self.limit)
    }

    /// Gives back bytes that were reserved.
    pub(super) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}
