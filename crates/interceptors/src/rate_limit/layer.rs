use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use tower_layer::Layer;

use super::Quota;
use super::limiter::Limits;
use crate::admission::{Admission, Admit, Caller, DEFAULT_MAX_KEYS, Key, KeyOf, Refusal, all_but};
use crate::selector::{HEALTH, Selector};

/// Bounds how fast calls come. See the [module docs](super).
///
/// All services that a layer and its clones make share the quotas.
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    limits: Arc<Limits>,
    refused: Arc<AtomicU64>,
}

impl RateLimitLayer {
    /// One quota for all calls together but health checks, which tell an orchestrator that the server is alive, all the more when it is busy.
    pub fn global(quota: Quota) -> Self {
        Self::shared(all_but(&[HEALTH], quota))
    }

    /// A quota for all calls together of the methods that share an entry; `None` exempts.
    pub fn shared(quotas: impl Into<Selector<Option<Quota>>>) -> Self {
        Self { limits: Arc::new(Limits::shared(quotas.into())), refused: Arc::default() }
    }

    /// A quota for each caller, as `key` tells them apart, and each entry; `None` exempts. A call without a key is not limited.
    pub fn keyed(
        quotas: impl Into<Selector<Option<Quota>>>,
        key: impl Fn(&Caller<'_>) -> Option<Key> + Send + Sync + 'static,
    ) -> Self {
        Self::keyed_up_to(DEFAULT_MAX_KEYS, quotas, key)
    }

    /// The same with another number of callers that are known at a time, for each entry. Each takes about 40 bytes.
    pub fn keyed_up_to(
        max_keys: usize,
        quotas: impl Into<Selector<Option<Quota>>>,
        key: impl Fn(&Caller<'_>) -> Option<Key> + Send + Sync + 'static,
    ) -> Self {
        let limits = Limits::keyed(quotas.into(), KeyOf::new(key), max_keys);
        Self { limits: Arc::new(limits), refused: Arc::default() }
    }

    /// How many calls were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// The service of [`RateLimitLayer`].
pub type RateLimit<S> = Admission<S, RateLimitLayer>;

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(inner, self.clone())
    }
}

impl Admit for RateLimitLayer {
    type Permit = ();

    fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        self.limits.admit(request).inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })
    }
}
