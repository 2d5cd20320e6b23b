use governor::clock::Clock;
use tokio::time::{Duration, Instant};

/// tokio's clock, which tests can stop, as the time that has passed since the limiter was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct SinceMade(Instant);

impl SinceMade {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SinceMade {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
