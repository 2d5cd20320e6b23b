use std::sync::atomic::{AtomicU64, Ordering};

use http::Extensions;
use tokio::time::Duration;

/// How a call was made: in the extensions of its response, when its method has a policy.
///
/// The caller finds the number of attempts before the last one also as `grpc-previous-rpc-attempts` in the metadata of the response or of the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts in all, the first included.
    pub total: u32,
    /// Those that followed a failure.
    pub retries: u32,
    /// Those that did not wait for one.
    pub hedges: u32,
    /// Time spent waiting between attempts.
    pub retry_delay: Duration,
    /// How often the channel has sent attempts again by itself, because no server had seen them. They are not among the others, and those of an attempt without a response
    /// are not known.
    pub transparent_retries: u32,
}

/// In the extensions of a response: how often the channel has sent the call again by itself. Not there when it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransparentRetries(pub u32);

impl TransparentRetries {
    pub(crate) fn of(extensions: &Extensions) -> u32 {
        extensions.get().map_or(0, |Self(count)| *count)
    }
}

/// What the retry layer of a channel has done. Reading takes a picture that need not be of one moment.
#[derive(Debug, Default)]
pub struct RetryStats {
    calls: AtomicU64,
    retries: AtomicU64,
    hedges: AtomicU64,
    retry_delay_micros: AtomicU64,
    exhausted: AtomicU64,
    throttled: AtomicU64,
    over_budget: AtomicU64,
    pushed_back: AtomicU64,
    overflowed: AtomicU64,
}

/// Why there was no further attempt although the failure allowed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Exhausted,
    Throttled,
    OverBudget,
    PushedBack,
    Overflowed,
}

impl Refusal {
    /// As an event of a span.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exhausted => "No retry, every attempt is made",
            Self::Throttled => "No retry, throttled",
            Self::OverBudget => "No retry, over budget",
            Self::PushedBack => "No retry, pushed back",
            Self::Overflowed => "No retry, request too large to be kept",
        }
    }
}

impl RetryStats {
    /// Calls, retried or not.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Retries.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Hedges.
    pub fn hedges(&self) -> u64 {
        self.hedges.load(Ordering::Relaxed)
    }

    /// Time that calls have waited between attempts.
    pub fn retry_delay(&self) -> Duration {
        Duration::from_micros(self.retry_delay_micros.load(Ordering::Relaxed))
    }

    /// Calls that failed after every attempt of their policy was made.
    pub fn exhausted(&self) -> u64 {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Calls that failed because the throttle allowed no further attempt.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Calls that failed because the budget allowed no further attempt.
    pub fn over_budget(&self) -> u64 {
        self.over_budget.load(Ordering::Relaxed)
    }

    /// Calls that failed because a server asked not to try again.
    pub fn pushed_back(&self) -> u64 {
        self.pushed_back.load(Ordering::Relaxed)
    }

    /// Calls that failed because their request was too large to be kept for another attempt.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried(&self, delay: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.retry_delay_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn hedged(&self) {
        self.hedges.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Exhausted => &self.exhausted,
            Refusal::Throttled => &self.throttled,
            Refusal::OverBudget => &self.over_budget,
            Refusal::PushedBack => &self.pushed_back,
            Refusal::Overflowed => &self.overflowed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
