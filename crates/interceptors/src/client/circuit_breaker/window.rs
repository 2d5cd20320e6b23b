use tokio::time::{Duration, Instant};

const BUCKETS: usize = 10;

/// Calls and failures of the last while, in ten buckets that are reused in turn.
#[derive(Debug)]
pub(super) struct Window {
    buckets: [Counts; BUCKETS],
    width: Duration,
    /// Where counting goes on, and when that bucket began.
    current: usize,
    began: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failures: u32,
}

impl Window {
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        let width = length / BUCKETS as u32;
        Self { buckets: [Counts::default(); BUCKETS], width, current: 0, began: now }
    }

    /// Counts a call, and sums up those that are recent.
    pub(super) fn record(&mut self, failed: bool, now: Instant) -> Counts {
        self.advance(now);
        let bucket = &mut self.buckets[self.current];
        bucket.calls = bucket.calls.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(failed.into());
        self.buckets.iter().fold(Counts::default(), |sum, bucket| Counts {
            calls: sum.calls.saturating_add(bucket.calls),
            failures: sum.failures.saturating_add(bucket.failures),
        })
    }

    fn advance(&mut self, now: Instant) {
        let mut emptied = 0;
        while now.saturating_duration_since(self.began) >= self.width {
            if emptied == BUCKETS {
                // Nothing of what was counted is recent, however long ago it was.
                self.began = now;
                return;
            }
            self.current = (self.current + 1) % BUCKETS;
            self.buckets[self.current] = Counts::default();
            self.began += self.width;
            emptied += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_forgotten_a_window_later() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut window = Window::new(10 * second, start);
        let counts = |calls, failures| Counts { calls, failures };
        assert_eq!(window.record(true, start), counts(1, 1));
        assert_eq!(window.record(false, start + 5 * second), counts(2, 1));
        assert_eq!(window.record(true, start + 9 * second), counts(3, 2));
        assert_eq!(window.record(false, start + 10 * second), counts(3, 1), "the first is gone");
        assert_eq!(window.record(true, start + 19 * second), counts(2, 1));
        assert_eq!(window.record(true, start + 100_000 * second), counts(1, 1));
    }
}
