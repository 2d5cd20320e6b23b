use tokio::time::Duration;

use super::RetryPolicy;

/// How far a delay may be from nominal. Source: gRFC A6, "Exponential Backoff".
const JITTER: f64 = 0.2;

/// The delays before the retries of one call.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: RetryPolicy,
    /// Delays taken since the start, or since a server has named one itself.
    taken: i32,
}

impl Backoff {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { policy, taken: 0 }
    }

    /// The n-th delay: min(initial * multiplier^(n-1), max) * random(0.8, 1.2).
    pub(super) fn delay(&mut self) -> Duration {
        let factor = self.policy.backoff_multiplier.powi(self.taken);
        self.taken = self.taken.saturating_add(1);
        let max = self.policy.max_backoff.as_secs_f64();
        // Too large a power is infinite, and the smaller of that and the maximum is the maximum.
        let nominal = (self.policy.initial_backoff.as_secs_f64() * factor).min(max);
        let jitter = fastrand::f64().mul_add(2.0 * JITTER, 1.0 - JITTER);
        Duration::try_from_secs_f64(nominal * jitter).unwrap_or(self.policy.max_backoff)
    }

    /// The next delay is the first again.
    pub(super) fn restart(&mut self) {
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn backoff(initial: f64, max: f64, multiplier: f64) -> Backoff {
        let seconds = Duration::from_secs_f64;
        let codes = [Code::Unavailable];
        let policy = RetryPolicy::try_new(5, seconds(initial), seconds(max), multiplier, codes);
        Backoff::new(policy.unwrap())
    }

    #[test]
    fn ten_thousand_delays_lie_within_a_fifth_of_nominal_and_use_all_of_it() {
        fastrand::seed(5);
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for _ in 0..2_500 {
            let mut backoff = backoff(0.1, 1.0, 3.0);
            for nominal in [0.1, 0.3, 0.9, 1.0] {
                let factor = backoff.delay().as_secs_f64() / nominal;
                assert!((0.8 - 1e-6..=1.2 + 1e-6).contains(&factor), "{factor} at {nominal}");
                (least, most) = (least.min(factor), most.max(factor));
            }
        }
        assert!(least < 0.801 && most > 1.199, "{least}..{most}");
    }

    #[test]
    fn a_delay_never_grows_beyond_the_maximum() {
        let mut backoff = backoff(1.0, 2.0, 1e300);
        for _ in 0..10 {
            assert!(backoff.delay() <= Duration::from_secs_f64(2.4));
        }
    }

    #[test]
    fn a_multiplier_below_one_shortens_the_delays() {
        let mut backoff = backoff(1.0, 1.0, 0.1);
        backoff.delay();
        assert!(backoff.delay() <= Duration::from_millis(120));
    }

    #[test]
    fn after_a_restart_the_delays_are_those_of_the_beginning() {
        let mut backoff = backoff(0.1, 10.0, 10.0);
        backoff.delay();
        backoff.delay();
        backoff.restart();
        assert!(backoff.delay() <= Duration::from_millis(120));
    }
}
