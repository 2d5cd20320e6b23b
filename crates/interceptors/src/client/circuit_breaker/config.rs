use tokio::time::Duration;
use tonic::Code;

use crate::client::Codes;

/// The longest delay: a breaker that is open for longer is an outage of its own.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// When a breaker opens, and for how long. The defaults of failures and delays are those of linkerd.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitBreakerConfig {
    pub(super) consecutive: u32,
    pub(super) ratio: Option<FailureRatio>,
    pub(super) min_delay: Duration,
    pub(super) max_delay: Duration,
    pub(super) jitter: f64,
    pub(super) failures: Codes,
}

/// A share of failures that is too large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FailureRatio {
    pub(super) limit: f64,
    pub(super) window: Duration,
    pub(super) min_calls: u32,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        let failures = Codes::NONE
            .with(Code::Unavailable)
            .with(Code::DeadlineExceeded)
            .with(Code::Internal)
            .with(Code::Unknown)
            .with(Code::DataLoss);
        Self {
            consecutive: 7,
            ratio: None,
            min_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            jitter: 0.5,
            failures,
        }
    }
}

impl CircuitBreakerConfig {
    /// Opens after so many failures in a row; 0: never for this reason. Default: 7.
    #[must_use]
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive = failures;
        self
    }

    /// Opens when at least `ratio` (above 0, at most 1) of the calls of the last `window` have failed, once there were `min_calls` of them. A server that
    /// fails every second call never fails many times in a row. Default: never for this reason.
    ///
    /// # Errors
    /// When the ratio is out of range or the window shorter than 10 ms.
    pub fn failure_ratio(
        mut self,
        ratio: f64,
        window: Duration,
        min_calls: u32,
    ) -> Result<Self, InvalidCircuitBreaker> {
        if !(ratio > 0.0 && ratio <= 1.0) {
            return Err(InvalidCircuitBreaker::Ratio);
        }
        if window < Duration::from_millis(10) {
            return Err(InvalidCircuitBreaker::Window);
        }
        self.ratio = Some(FailureRatio { limit: ratio, window, min_calls });
        Ok(self)
    }

    /// How long the breaker stays open: `min` at first, then twice as long each time a probe fails, at most `max`, and up to `jitter` (a share, 0 to 1)
    /// longer, so that clients do not probe together. Default: 1 s, 60 s, 0.5.
    ///
    /// # Errors
    /// When `min` is 0 or above `max`, `max` more than a day, or the jitter out of range.
    pub fn delays(
        mut self,
        min: Duration,
        max: Duration,
        jitter: f64,
    ) -> Result<Self, InvalidCircuitBreaker> {
        if min.is_zero() || min > max || max > DAY {
            return Err(InvalidCircuitBreaker::Delays);
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(InvalidCircuitBreaker::Jitter);
        }
        (self.min_delay, self.max_delay, self.jitter) = (min, max, jitter);
        Ok(self)
    }

    /// The codes that count as failures. Default: UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN, DATA_LOSS.
    #[must_use]
    pub fn failures(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.failures = codes.into_iter().collect();
        self
    }

    /// The delay after the breaker has opened for the n-th time in a row, counted from 1.
    pub(super) fn delay(&self, opened: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(opened.saturating_sub(1));
        let base = self.min_delay.saturating_mul(doubled).min(self.max_delay);
        base.mul_f64(fastrand::f64().mul_add(self.jitter, 1.0))
    }
}

/// What is wrong with the configuration of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCircuitBreaker {
    /// A share that cannot be reached, or always is.
    #[error("failure ratio is not above 0 and at most 1")]
    Ratio,
    /// A window in which there are no calls.
    #[error("window is shorter than 10 ms")]
    Window,
    /// Delays that are none.
    #[error("delays are not above 0, in order, and at most a day")]
    Delays,
    /// A jitter that is no share.
    #[error("jitter is not in 0..=1")]
    Jitter,
}
