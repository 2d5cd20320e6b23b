use std::fmt::Display;
use std::hash::{Hash, RandomState};

use governor::clock::Clock;
use tonic::{Code, Status};

use super::Quota;
use super::buckets::Buckets;
use super::limiter::{Governor, of_each};
use crate::admission::{DEFAULT_MAX_KEYS, Key, Refusal, jittered};

/// A quota for each caller, for a handler that finds out itself who calls. See the [module docs](super).
///
/// ```
/// use wayside_interceptors::rate_limit::{Quota, RateLimiter};
///
/// let limiter = RateLimiter::new(Quota::per_second(150, 1)?);
/// assert!(limiter.check("acc_gopher").is_ok());
/// assert!(limiter.check("acc_gopher").is_err());
/// assert!(limiter.check("acc_other").is_ok());
/// # Ok::<(), wayside_interceptors::rate_limit::InvalidQuota>(())
/// ```
#[derive(Debug)]
pub struct RateLimiter {
    each: Governor<Key, Buckets>,
    seed: RandomState,
}

impl RateLimiter {
    /// A quota for each of at most 65,536 callers, and one that the others share.
    pub fn new(quota: Quota) -> Self {
        Self { each: of_each(quota, DEFAULT_MAX_KEYS), seed: RandomState::new() }
    }

    /// Counts a call of `who`, as which the caller is named when it is refused.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED, with google.rpc.RetryInfo and `grpc-retry-pushback-ms`.
    pub fn check(&self, who: impl Hash + Display) -> Result<(), Status> {
        let Err(not_until) = self.each.check_key(&Key::new(&who, &self.seed)) else {
            return Ok(());
        };
        let wait = not_until.wait_time_from(self.each.clock().now());
        let refusal = Refusal {
            code: Code::ResourceExhausted,
            message: format!("{who} is over its rate limit, please retry later"),
            retry_after: Some(jittered(wait)),
        };
        Err(refusal.status())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, advance};
    use tonic_types::StatusExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_over_its_quota_is_told_when_to_come_back_and_passes_then() {
        let limiter = RateLimiter::new(Quota::per_second(10, 2).unwrap());
        limiter.check("ann").unwrap();
        limiter.check("ann").unwrap();
        let status = limiter.check("ann").unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::ResourceExhausted, "ann is over its rate limit, please retry later")
        );
        limiter.check("bob").unwrap();
        let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!((100..=125).contains(&delay.as_millis()), "{delay:?}");
        let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
        assert_eq!(Duration::from_millis(pushback.parse().unwrap()), delay);
        advance(delay).await;
        limiter.check("ann").unwrap();
    }
}
