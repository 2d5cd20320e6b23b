use std::sync::atomic::{AtomicU32, Ordering};

use super::InvalidPolicy;
use super::policy::check;

/// Tokens are counted in thousandths: three decimals of the ratio count. Source: gRFC A6, "Validation of retryThrottling".
const TOKEN: u32 = 1000;

/// Stops retries and hedges while too many calls fail: shared by all calls to a server name.
///
/// It starts with `max_tokens`; a failure with a retryable code takes one, a success gives back `token_ratio`. At half of the
/// tokens or fewer nothing is retried, and nothing waits either. Source: gRFC A6, "Throttling Retry Attempts and Hedged RPCs".
#[derive(Debug)]
pub struct Throttle {
    tokens: AtomicU32,
    max: u32,
    ratio: u32,
}

impl Throttle {
    /// A throttle with `max_tokens` (1 to 1000), which regains `token_ratio` (0.001 or more, three decimals count) by each success.
    ///
    /// # Errors
    /// When a value is outside of what gRFC A6 allows.
    pub fn try_new(max_tokens: u32, token_ratio: f64) -> Result<Self, InvalidPolicy> {
        check((1..=1000).contains(&max_tokens), InvalidPolicy::MaxTokens)?;
        let max = max_tokens * TOKEN;
        // A number that prints as three decimals may be stored as a little less.
        let thousandths = token_ratio.mul_add(f64::from(TOKEN), 1e-6).floor();
        check(thousandths >= 1.0, InvalidPolicy::TokenRatio)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and max, a u32"
        )]
        let ratio = thousandths.min(f64::from(max)) as u32;
        Ok(Self { tokens: AtomicU32::new(max), max, ratio })
    }

    /// The throttle of a newer service config: as full as this one in proportion, so that a change in the middle of an outage
    /// does not allow retries again. As the C core has it.
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new).
    pub fn successor(&self, max_tokens: u32, token_ratio: f64) -> Result<Self, InvalidPolicy> {
        let mut successor = Self::try_new(max_tokens, token_ratio)?;
        let tokens = u64::from(self.tokens.load(Ordering::Relaxed)) * u64::from(successor.max);
        // Not above the maximum, because no throttle has more tokens than its own.
        *successor.tokens.get_mut() =
            u32::try_from(tokens / u64::from(self.max)).unwrap_or(successor.max);
        Ok(successor)
    }

    /// Tokens that are left.
    pub fn tokens(&self) -> f64 {
        f64::from(self.tokens.load(Ordering::Relaxed)) / f64::from(TOKEN)
    }

    /// Whether another attempt may be sent.
    pub(super) fn allows(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > self.max / 2
    }

    /// An attempt has failed. Whether another one may be sent.
    pub(super) fn failed(&self) -> bool {
        let less = |tokens: u32| Some(tokens.saturating_sub(TOKEN));
        let before = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before.unwrap_or_default().saturating_sub(TOKEN) > self.max / 2
    }

    /// A call has succeeded.
    pub(super) fn succeeded(&self) {
        // A full throttle is the usual case, and many calls share it: it is not written to then.
        if self.tokens.load(Ordering::Relaxed) < self.max {
            let more = |tokens: u32| Some(tokens.saturating_add(self.ratio).min(self.max));
            let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_validated_as_specified() {
        for (max, ratio, expected) in [
            (0, 0.1, Some(InvalidPolicy::MaxTokens)),
            (1001, 0.1, Some(InvalidPolicy::MaxTokens)),
            (1000, 0.1, None),
            (1, 0.001, None),
            (10, 0.0, Some(InvalidPolicy::TokenRatio)),
            (10, -1.0, Some(InvalidPolicy::TokenRatio)),
            (10, 0.0009, Some(InvalidPolicy::TokenRatio)),
            (10, f64::NAN, Some(InvalidPolicy::TokenRatio)),
            (10, f64::INFINITY, None),
        ] {
            assert_eq!(Throttle::try_new(max, ratio).err(), expected, "{max} {ratio}");
        }
    }

    #[test]
    fn three_decimals_of_the_ratio_count() {
        for (ratio, expected) in [(0.5466, 546), (0.29, 290), (0.001, 1), (1.5, 1500)] {
            assert_eq!(Throttle::try_new(10, ratio).unwrap().ratio, expected, "{ratio}");
        }
    }

    #[test]
    fn at_half_of_the_tokens_nothing_is_retried_until_successes_have_brought_more() {
        let throttle = Throttle::try_new(4, 0.8).unwrap();
        assert!(throttle.failed() && throttle.allows(), "3 of 4");
        assert!(!throttle.failed() && !throttle.allows(), "2 of 4");
        for _ in 0..9 {
            throttle.failed();
        }
        assert_eq!(throttle.tokens(), 0.0);
        for _ in 0..2 {
            throttle.succeeded();
        }
        assert!(!throttle.allows(), "1.6 of 4");
        throttle.succeeded();
        assert!(throttle.allows(), "2.4 of 4");
        for _ in 0..9 {
            throttle.succeeded();
        }
        assert_eq!(throttle.tokens(), 4.0);
    }

    #[test]
    fn a_newer_config_finds_the_throttle_as_full_as_it_was() {
        let old = Throttle::try_new(10, 0.1).unwrap();
        for _ in 0..5 {
            old.failed();
        }
        let new = old.successor(100, 0.1).unwrap();
        assert_eq!(new.tokens(), 50.0);
        assert!(!new.allows());
    }
}
