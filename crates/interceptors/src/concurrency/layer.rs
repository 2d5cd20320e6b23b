use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tower_layer::Layer;

use super::Concurrency;
use super::slots::Limits;
use crate::admission::{Caller, DEFAULT_MAX_KEYS, Key, KeyOf};
use crate::selector::Selector;

/// Bounds the calls that each caller has in flight. See the [module docs](super).
///
/// All services that a layer and its clones make share the bounds.
#[derive(Clone, Debug)]
pub struct ConcurrencyLayer {
    limits: Arc<Limits>,
    refused: Arc<AtomicU64>,
}

impl ConcurrencyLayer {
    /// At most so many calls in flight for each caller, as `key` tells them apart, and each entry; `None` exempts. A call without a key is not bounded.
    pub fn new(
        limits: impl Into<Selector<Option<u32>>>,
        key: impl Fn(&Caller<'_>) -> Option<Key> + Send + Sync + 'static,
    ) -> Self {
        Self::up_to(DEFAULT_MAX_KEYS, limits, key)
    }

    /// The same with another number of callers that are told apart, for each entry.
    pub fn up_to(
        max_keys: usize,
        limits: impl Into<Selector<Option<u32>>>,
        key: impl Fn(&Caller<'_>) -> Option<Key> + Send + Sync + 'static,
    ) -> Self {
        Self {
            limits: Arc::new(Limits::new(limits.into(), KeyOf::new(key), max_keys)),
            refused: Arc::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn known(&self, path: &str) -> usize {
        self.limits.known(path)
    }

    /// How many calls were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Concurrency<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Concurrency::new(inner, self.limits.clone(), self.refused.clone())
    }
}
