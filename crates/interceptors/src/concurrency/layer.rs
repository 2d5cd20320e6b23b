use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use tower_layer::Layer;

use super::slots::{Limits, Slot};
use crate::admission::{Admission, Admit, Caller, DEFAULT_MAX_KEYS, Key, KeyOf, Refusal};
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

/// The service of [`ConcurrencyLayer`].
pub type Concurrency<S> = Admission<S, ConcurrencyLayer>;

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Concurrency<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(inner, self.clone())
    }
}

impl Admit for ConcurrencyLayer {
    type Permit = Option<Slot>;

    fn admit<B>(&self, request: &Request<B>) -> Result<Option<Slot>, Refusal> {
        self.limits.admit(request).inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })
    }
}
