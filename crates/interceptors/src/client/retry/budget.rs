use tokio::time::Duration;
use tower::retry::budget::{Budget as _, TpsBudget};

use super::InvalidPolicy;
use super::policy::check;

/// Retries and hedges of all methods of a channel together, as a share of its calls.
///
/// gRPC's own [`Throttle`](super::Throttle) looks at the proportion of failures; it allows several attempts for each call until it closes, and
/// opens again with the first successes. A budget bounds what retries add to the load at any time. It is that of tower and of Finagle.
#[derive(Debug)]
pub struct RetryBudget(TpsBudget);

impl RetryBudget {
    /// Allows `ratio` retries for each call of the last `time_to_live` (1 s to 60 s), and `min_per_second` beside them, so that a client that
    /// makes few calls can retry at all. With 0.1 and 0, an outage has a server see 1.1 attempts for each call, and no more.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn try_new(
        time_to_live: Duration,
        min_per_second: u32,
        ratio: f32,
    ) -> Result<Self, InvalidPolicy> {
        let range = Duration::from_secs(1)..=Duration::from_secs(60);
        check(range.contains(&time_to_live), InvalidPolicy::BudgetTimeToLive)?;
        check((0.0..=1000.0).contains(&ratio), InvalidPolicy::BudgetRatio)?;
        // What tower asserts on; nobody retries a million times a second.
        Ok(Self(TpsBudget::new(time_to_live, min_per_second.min(1_000_000), ratio)))
    }

    pub(super) fn deposit(&self) {
        self.0.deposit();
    }

    pub(super) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}

/// 20 % of the calls of the last 10 seconds and 10 retries a second beside them: the default of tower and of Finagle.
impl Default for RetryBudget {
    fn default() -> Self {
        Self(TpsBudget::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tower_would_panic_on_is_an_error() {
        let second = Duration::from_secs(1);
        for (time_to_live, ratio, expected) in [
            (second, 0.1, None),
            (60 * second, 1000.0, None),
            (second / 2, 0.1, Some(InvalidPolicy::BudgetTimeToLive)),
            (61 * second, 0.1, Some(InvalidPolicy::BudgetTimeToLive)),
            (second, -0.1, Some(InvalidPolicy::BudgetRatio)),
            (second, f32::NAN, Some(InvalidPolicy::BudgetRatio)),
        ] {
            let budget = RetryBudget::try_new(time_to_live, u32::MAX, ratio);
            assert_eq!(budget.err(), expected, "{time_to_live:?} {ratio}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_in_ten_may_be_retried_while_the_calls_are_recent() {
        let budget = RetryBudget::try_new(Duration::from_secs(10), 0, 0.1).unwrap();
        for _ in 0..25 {
            budget.deposit();
        }
        let granted = (0..10).filter(|_| budget.withdraw()).count();
        assert_eq!(granted, 2);
        for _ in 0..10 {
            budget.deposit();
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(!budget.withdraw(), "calls of long ago do not count");
    }
}
