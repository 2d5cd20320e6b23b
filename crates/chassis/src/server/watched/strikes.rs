//! When a client has pinged too often. Source: gRFC A8, and grpc-go's `handlePing` for what it leaves open.

use tokio::time::{Duration, Instant};

use crate::server::KeepaliveEnforcement;

/// The shortest time between two pings of a client that may not ping without a call and does.
const WITHOUT_CALLS: Duration = Duration::from_secs(2 * 60 * 60);

/// Counts the pings of a client that came too early.
#[derive(Debug)]
pub(super) struct Strikes {
    rule: KeepaliveEnforcement,
    last: Option<Instant>,
    strikes: u32,
    /// A HEADERS or DATA frame was sent since the last ping: it may have been the reason for this one.
    forgiven: bool,
}

impl Strikes {
    pub(super) fn new(rule: KeepaliveEnforcement) -> Self {
        Self { rule, last: None, strikes: 0, forgiven: false }
    }

    /// The server has sent a HEADERS or DATA frame.
    pub(super) fn forgive(&mut self) {
        self.forgiven = true;
    }

    /// Takes note of a ping. True: it was one too many.
    pub(super) fn ping(&mut self, now: Instant, has_calls: bool) -> bool {
        let last = self.last.replace(now);
        if std::mem::take(&mut self.forgiven) {
            self.strikes = 0;
            return false;
        }
        let permitted = if has_calls || self.rule.permit_without_calls {
            self.rule.permit_time
        } else {
            WITHOUT_CALLS
        };
        if last.is_some_and(|last| now < last + permitted) {
            self.strikes += 1;
        }
        self.strikes > self.rule.max_ping_strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Pings at intervals of `every` until one is too many; how many were allowed, at most 100.
    fn allowed(rule: KeepaliveEnforcement, every: Duration, has_calls: bool) -> usize {
        let mut strikes = Strikes::new(rule);
        let start = Instant::now();
        (0..100).take_while(|count| !strikes.ping(start + every * *count, has_calls)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_ping_and_two_strikes_are_allowed_and_no_more() {
        let rule = KeepaliveEnforcement::default();
        let without_calls = KeepaliveEnforcement { permit_without_calls: true, ..rule };
        for (rule, every, has_calls, expected) in [
            (rule, Duration::ZERO, true, 3),
            (rule, 4 * MINUTE, true, 3),
            (rule, 5 * MINUTE, true, 100),
            (rule, 5 * MINUTE, false, 3),
            (rule, 121 * MINUTE, false, 100),
            (without_calls, 5 * MINUTE, false, 100),
            (without_calls, MINUTE, false, 3),
        ] {
            assert_eq!(
                allowed(rule, every, has_calls),
                expected,
                "every {every:?}, calls: {has_calls}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_after_an_answer_takes_the_strikes_back() {
        let mut strikes = Strikes::new(KeepaliveEnforcement::default());
        let now = Instant::now();
        for _ in 0..50 {
            for _ in 0..2 {
                assert!(!strikes.ping(now, true));
            }
            strikes.forgive();
            assert!(!strikes.ping(now, true));
        }
    }
}
