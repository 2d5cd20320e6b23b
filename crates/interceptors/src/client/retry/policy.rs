//! What may be retried, how often, and how soon. Source: gRFC A6.

use std::sync::Arc;

use tokio::time::Duration;
use tonic::Code;

use super::Throttle;
use crate::client::Codes;

/// How a method is retried. Source: gRFC A6, "Retry Policy Capabilities".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    pub(super) max_attempts: u32,
    pub(super) initial_backoff: Duration,
    pub(super) max_backoff: Duration,
    pub(super) backoff_multiplier: f64,
    pub(super) retryable: Codes,
}

impl RetryPolicy {
    /// At most `max_attempts` attempts, the first included, after failures with a code in `retryable_status_codes`. The delay before the first retry
    /// is `initial_backoff`, each further one `backoff_multiplier` times as long and at most `max_backoff`, give or take 20 %.
    ///
    /// # Errors
    /// When a value is outside of what gRFC A6 allows.
    pub fn try_new(
        max_attempts: u32,
        initial_backoff: Duration,
        max_backoff: Duration,
        backoff_multiplier: f64,
        retryable_status_codes: impl IntoIterator<Item = Code>,
    ) -> Result<Self, InvalidPolicy> {
        let retryable: Codes = retryable_status_codes.into_iter().collect();
        check(max_attempts > 1, InvalidPolicy::MaxAttempts)?;
        check(!initial_backoff.is_zero() && !max_backoff.is_zero(), InvalidPolicy::Backoff)?;
        check(
            backoff_multiplier > 0.0 && backoff_multiplier.is_finite(),
            InvalidPolicy::BackoffMultiplier,
        )?;
        check(!retryable.is_empty(), InvalidPolicy::RetryableStatusCodes)?;
        Ok(Self { max_attempts, initial_backoff, max_backoff, backoff_multiplier, retryable })
    }
}

/// How a method is hedged: sent several times without waiting for the answer. Source: gRFC A6, "Hedging Policy".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgingPolicy {
    pub(super) max_attempts: u32,
    pub(super) hedging_delay: Duration,
    pub(super) non_fatal: Codes,
}

impl HedgingPolicy {
    /// At most `max_attempts` attempts, the first included, one every `hedging_delay` (zero: all at once). A failure with a code in
    /// `non_fatal_status_codes` has the next one sent at once, any other ends the call.
    ///
    /// # Errors
    /// When there are fewer than two attempts.
    pub fn try_new(
        max_attempts: u32,
        hedging_delay: Duration,
        non_fatal_status_codes: impl IntoIterator<Item = Code>,
    ) -> Result<Self, InvalidPolicy> {
        check(max_attempts > 1, InvalidPolicy::MaxAttempts)?;
        let non_fatal = non_fatal_status_codes.into_iter().collect();
        Ok(Self { max_attempts, hedging_delay, non_fatal })
    }
}

/// A method is either retried or hedged, never both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MethodPolicy {
    /// Sent again after it failed.
    Retry(RetryPolicy),
    /// Sent again before it has failed.
    Hedging(HedgingPolicy),
}

impl MethodPolicy {
    pub(super) fn max_attempts(&self) -> u32 {
        match self {
            Self::Retry(policy) => policy.max_attempts,
            Self::Hedging(policy) => policy.max_attempts,
        }
    }

    /// The codes after which there may be another attempt, and which count for the throttle.
    pub(super) fn codes(&self) -> Codes {
        match self {
            Self::Retry(policy) => policy.retryable,
            Self::Hedging(policy) => policy.non_fatal,
        }
    }
}

impl From<RetryPolicy> for MethodPolicy {
    fn from(policy: RetryPolicy) -> Self {
        Self::Retry(policy)
    }
}

impl From<HedgingPolicy> for MethodPolicy {
    fn from(policy: HedgingPolicy) -> Self {
        Self::Hedging(policy)
    }
}

/// The policies of a channel. Asked once a call, so the answer may change at run time, as a service config does.
///
/// A closure from the path of a method to its policy is one.
pub trait Policies: Send + Sync + 'static {
    /// The policy of a method, by its path, as `/greet.v1.GreetService/Greet`. A method without one is sent once.
    fn policy(&self, path: &str) -> Option<MethodPolicy>;

    /// The throttle of the channel, where it comes with the policies.
    fn throttle(&self) -> Option<Arc<Throttle>> {
        None
    }
}

impl<F> Policies for F
where
    F: Fn(&str) -> Option<MethodPolicy> + Send + Sync + 'static,
{
    fn policy(&self, path: &str) -> Option<MethodPolicy> {
        self(path)
    }
}

/// What is wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// Fewer than two attempts.
    #[error("max attempts is not at least 2")]
    MaxAttempts,
    /// A backoff of nothing.
    #[error("initial backoff and max backoff are not both above 0")]
    Backoff,
    /// A multiplier that is not a positive number.
    #[error("backoff multiplier is not above 0")]
    BackoffMultiplier,
    /// A retry policy that would never retry.
    #[error("there is no retryable status code")]
    RetryableStatusCodes,
    /// A throttle without tokens, or with more than the specification allows.
    #[error("max tokens is not in 1..=1000")]
    MaxTokens,
    /// A throttle that would never recover.
    #[error("token ratio is not at least 0.001")]
    TokenRatio,
    /// A budget whose deposits count for a time that is too short or too long.
    #[error("time to live of the retry budget is not in 1 s..=60 s")]
    BudgetTimeToLive,
    /// A budget whose share of retries is not a number in range.
    #[error("ratio of the retry budget is not in 0..=1000")]
    BudgetRatio,
}

pub(super) fn check(valid: bool, otherwise: InvalidPolicy) -> Result<(), InvalidPolicy> {
    if valid { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn retry(
        attempts: u32,
        initial: Duration,
        max: Duration,
        multiplier: f64,
    ) -> Option<InvalidPolicy> {
        RetryPolicy::try_new(attempts, initial, max, multiplier, [Code::Unavailable]).err()
    }

    #[test]
    fn a_retry_policy_is_validated_as_specified() {
        let zero = Duration::ZERO;
        assert_eq!(retry(2, SECOND, SECOND, 0.5), None);
        assert_eq!(retry(1, SECOND, SECOND, 1.0), Some(InvalidPolicy::MaxAttempts));
        assert_eq!(retry(0, SECOND, SECOND, 1.0), Some(InvalidPolicy::MaxAttempts));
        assert_eq!(retry(2, zero, SECOND, 1.0), Some(InvalidPolicy::Backoff));
        assert_eq!(retry(2, SECOND, zero, 1.0), Some(InvalidPolicy::Backoff));
        for multiplier in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                retry(2, SECOND, SECOND, multiplier),
                Some(InvalidPolicy::BackoffMultiplier)
            );
        }
        let none = RetryPolicy::try_new(2, SECOND, SECOND, 1.0, []);
        assert_eq!(none.err(), Some(InvalidPolicy::RetryableStatusCodes));
    }

    #[test]
    fn a_hedging_policy_needs_two_attempts_and_neither_delay_nor_codes() {
        assert!(HedgingPolicy::try_new(2, Duration::ZERO, []).is_ok());
        let once = HedgingPolicy::try_new(1, Duration::ZERO, []);
        assert_eq!(once.err(), Some(InvalidPolicy::MaxAttempts));
    }
}
