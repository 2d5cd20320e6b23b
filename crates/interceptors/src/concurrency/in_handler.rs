use std::fmt::Display;
use std::hash::{Hash, RandomState};
use std::sync::Arc;

use tonic::{Code, Status};

use super::Slot;
use super::slots::Slots;
use crate::admission::{DEFAULT_MAX_KEYS, Key};
use crate::errors::StatusBuilder;

/// Bounds the calls that each caller has in flight, for a handler that finds out itself who calls. See the [module docs](super).
///
/// ```
/// use wayside_interceptors::concurrency::ConcurrencyLimiter;
///
/// let limiter = ConcurrencyLimiter::new(1);
/// let slot = limiter.acquire("acc_gopher").unwrap();
/// assert!(limiter.acquire("acc_gopher").is_err());
/// drop(slot);
/// assert!(limiter.acquire("acc_gopher").is_ok());
/// ```
#[derive(Debug)]
pub struct ConcurrencyLimiter {
    slots: Arc<Slots>,
    seed: RandomState,
}

impl ConcurrencyLimiter {
    /// At most so many calls in flight for each of at most 65,536 callers; the others share such bounds.
    pub fn new(limit: u32) -> Self {
        Self { slots: Arc::new(Slots::new(limit, DEFAULT_MAX_KEYS)), seed: RandomState::new() }
    }

    /// Counts a call of `who`, as which the caller is named when it is refused, until the slot is dropped. A handler that answers with a stream keeps the
    /// slot in it.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED.
    pub fn acquire(&self, who: impl Hash + Display) -> Result<Slot, Status> {
        Slots::take(&self.slots, Key::new(&who, &self.seed)).ok_or_else(|| {
            let limit = self.slots.limit;
            let message = format_args!("{who} has {limit} calls in flight, as many as it may have");
            StatusBuilder::new(Code::ResourceExhausted, message).build()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_so_many_slots_and_gets_them_back() {
        let limiter = ConcurrencyLimiter::new(2);
        let first = limiter.acquire("ann").unwrap();
        let _second = limiter.acquire("ann").unwrap();
        let status = limiter.acquire("ann").unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::ResourceExhausted, "ann has 2 calls in flight, as many as it may have")
        );
        let _other = limiter.acquire("bob").unwrap();
        drop(first);
        let _third = limiter.acquire("ann").unwrap();
    }
}
