//! How long to wait before connecting again. Source: grpc/grpc `doc/connection-backoff.md`.

use tokio::time::Duration;

const INITIAL: Duration = Duration::from_secs(1);
const MULTIPLIER: f64 = 1.6;
const MAX: Duration = Duration::from_secs(120);
const JITTER: f64 = 0.2;

/// The delays of one address: 1 s, then 1.6 times as long each, at most 120 s, give or take 20 %.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: INITIAL }
    }

    /// The next delay.
    pub(crate) fn delay(&mut self) -> Duration {
        let nominal = self.next;
        self.next = nominal.mul_f64(MULTIPLIER).min(MAX);
        nominal.mul_f64(fastrand::f64().mul_add(2.0 * JITTER, 1.0 - JITTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_by_1_6_to_120_seconds_give_or_take_20_percent() {
        let mut backoff = Backoff::new();
        let mut nominal = 1.0_f64;
        for _ in 0..30 {
            let delay = backoff.delay().as_secs_f64();
            assert!(
                delay >= nominal * 0.8 - 1e-6 && delay <= nominal * 1.2 + 1e-6,
                "{delay} for {nominal}"
            );
            nominal = (nominal * 1.6).min(120.0);
        }
        assert_eq!(nominal, 120.0);
    }
}
