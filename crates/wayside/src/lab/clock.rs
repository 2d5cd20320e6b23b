//! The time that all processes of a run share, and the time that each has used.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Duration, Instant};

/// Microseconds since 1970.
pub(crate) fn epoch_us() -> u64 {
    // A clock before 1970 is no clock, and figures of it none that anybody would believe.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// CPU time that this process has used, user and system.
pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// Tells that time without going back when somebody sets the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) began: Instant,
    began_us: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), began_us: epoch_us() }
    }

    pub(crate) fn at(&self, moment: Instant) -> u64 {
        self.began_us + (moment - self.began).as_micros() as u64
    }
}
