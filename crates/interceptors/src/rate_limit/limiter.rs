use std::fmt;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use http::Request;
use tokio::time::Duration;
use tonic::Code;

use super::Quota;
use super::buckets::Buckets;
use super::clock::SinceMade;
use crate::admission::{Key, KeyOf, Refusal, jittered};
use crate::selector::Selector;

pub(super) type Governor<K, S> = RateLimiter<K, S, SinceMade, NoOpMiddleware<Duration>>;

/// A quota for each key.
pub(super) fn of_each(quota: Quota, max_keys: usize) -> Governor<Key, Buckets> {
    RateLimiter::new(quota.governor(), Buckets::new(max_keys), SinceMade::new())
}

/// What is counted, and by what.
pub(super) enum Limits {
    /// The calls of everybody together.
    Shared(Selector<Option<Governor<NotKeyed, InMemoryState>>>),
    /// Those of each caller.
    Keyed(Selector<Option<Governor<Key, Buckets>>>, KeyOf),
}

impl Limits {
    pub(super) fn shared(quotas: Selector<Option<Quota>>) -> Self {
        let made =
            |quota: Quota| RateLimiter::direct_with_clock(quota.governor(), SinceMade::new());
        Self::Shared(quotas.map(|quota| quota.map(made)))
    }

    pub(super) fn keyed(quotas: Selector<Option<Quota>>, key: KeyOf, max_keys: usize) -> Self {
        let made = |quota| of_each(quota, max_keys);
        Self::Keyed(quotas.map(|quota| quota.map(made)), key)
    }

    /// Counts a call that may be made, or says what to answer.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let path = request.uri().path();
        let (not_until, now) = match self {
            Self::Shared(limits) => {
                let Some(limiter) = limits.get(path) else { return Ok(()) };
                let Err(not_until) = limiter.check() else { return Ok(()) };
                (not_until, limiter.clock().now())
            }
            Self::Keyed(limits, key) => {
                let Some(limiter) = limits.get(path) else { return Ok(()) };
                let Some(key) = key.find(request) else { return Ok(()) };
                let Err(not_until) = limiter.check_key(&key) else { return Ok(()) };
                (not_until, limiter.clock().now())
            }
        };
        let retry_after = Some(jittered(not_until.wait_time_from(now)));
        Err(Refusal { code: Code::ResourceExhausted, message: self.message(path), retry_after })
    }

    fn message(&self, path: &str) -> String {
        match self {
            Self::Shared(_) => "service is over rate limit".to_owned(),
            Self::Keyed(..) => {
                format!("{path} is rejected by the rate limit, please retry later.")
            }
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared",
            Self::Keyed(..) => "Keyed",
        })
    }
}
