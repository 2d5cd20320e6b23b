//! What the calls of an account may take of the server. No layer can know the account, which is looked up for each call.

use tonic::Status;
use wayside_chassis::concurrency::{ConcurrencyLimiter, Slot};
use wayside_chassis::rate_limit::{Quota, RateLimiter};

/// The limits of each account; none unless they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    rate: Option<RateLimiter>,
    calls: Option<ConcurrencyLimiter>,
}

impl Limits {
    /// `rate` is how fast calls may come, `calls` how many may be in flight.
    pub(crate) fn new(rate: Option<Quota>, calls: Option<u32>) -> Self {
        Self { rate: rate.map(RateLimiter::new), calls: calls.map(ConcurrencyLimiter::new) }
    }

    /// Counts a call of an account, which is in flight until the slot is dropped; `None` when calls in flight are not limited.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED. A call that is refused for those in flight is not counted for the rate: it has taken nothing.
    pub(crate) fn admit(&self, account: &str) -> Result<Option<Slot>, Status> {
        let slot = self.calls.as_ref().map(|calls| calls.acquire(account)).transpose()?;
        if let Some(rate) = &self.rate {
            rate.check(account)?;
        }
        Ok(slot)
    }
}

/// Reads a rate: calls a second, a colon, and how many may come at once, such as `150:5`.
///
/// # Errors
/// A text that says what a rate looks like.
pub(crate) fn parse_rate(text: &str) -> Result<Quota, String> {
    let numbers =
        text.split_once(':').and_then(|(calls, burst)| Some((number(calls)?, number(burst)?)));
    let (calls, burst) = numbers.ok_or_else(|| {
        "a rate is calls a second and how many may come at once, two numbers above 0: 150:5"
            .to_owned()
    })?;
    Quota::per_second(calls, burst).map_err(|error| error.to_string())
}

/// A number above 0, without the sign that `parse` would take.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, advance};
    use tonic::Code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accounts_are_limited_each_by_itself() {
        let limits = Limits::new(Some(parse_rate("10:2").unwrap()), Some(1));
        let admitted = limits.admit("ann").unwrap();
        for _ in 0..5 {
            assert_eq!(limits.admit("ann").unwrap_err().code(), Code::ResourceExhausted);
        }
        limits.admit("bob").unwrap();
        drop(admitted);
        // Those that were refused did not count.
        limits.admit("ann").unwrap();
        let status = limits.admit("ann").unwrap_err();
        assert_eq!(status.message(), "ann is over its rate limit, please retry later");
        // Nor does one that came too fast stay in flight.
        advance(Duration::from_secs(1)).await;
        limits.admit("ann").unwrap();
    }

    #[tokio::test]
    async fn without_limits_every_call_is_admitted() {
        let limits = Limits::default();
        let admitted = (0..10_000).map(|_| limits.admit("ann"));
        assert!(admitted.collect::<Vec<_>>().iter().all(|slot| matches!(slot, Ok(None))));
    }

    #[test]
    fn a_rate_is_two_numbers_above_0() {
        assert_eq!(parse_rate("150:5"), Ok(Quota::per_second(150, 5).unwrap()));
        for text in
            ["", "150", ":", "150:", ":5", "0:5", "150:0", "-1:5", "+1:5", "1.5:5", "1:2:3", " 1:2"]
        {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
