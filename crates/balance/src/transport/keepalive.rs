//! Whether a server is still there.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Duration;

/// How often a silent connection is asked for a sign of life. Off unless set. Source: gRFC A8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// After how long without a byte from the server a PING is sent. Servers cut clients that ask more often than they permit (5 minutes unless configured
    /// otherwise, 10 s at the least by the specification); a channel that is told so ("too_many_pings") doubles it.
    pub time: Duration,
    /// How long the answer may take before the connection is given up, and every call on it UNAVAILABLE. gRPC's default: 20 s.
    pub timeout: Duration,
    /// Whether connections without a call are asked too. gRPC's default: no.
    pub without_calls: bool,
}

impl Keepalive {
    /// PINGs after `time`, with gRPC's defaults for the rest.
    pub fn after(time: Duration) -> Self {
        Self { time, timeout: Duration::from_secs(20), without_calls: false }
    }
}

/// The keepalive of a channel: what is set, and how often servers have complained.
#[derive(Debug)]
pub(crate) struct Pings {
    set: Option<Keepalive>,
    doubled: AtomicU32,
}

/// More would be years.
const MAX_DOUBLED: u32 = 20;

impl Pings {
    pub(crate) fn new(set: Option<Keepalive>) -> Self {
        Self { set, doubled: AtomicU32::new(0) }
    }

    /// What the next connection should do.
    pub(crate) fn now(&self) -> Option<Keepalive> {
        let times = 1 << self.doubled.load(Ordering::Relaxed).min(MAX_DOUBLED);
        self.set.map(|set| Keepalive { time: set.time.saturating_mul(times), ..set })
    }

    /// A server has ended a connection because of too many PINGs.
    pub(crate) fn too_many(&self) {
        self.doubled.fetch_add(1, Ordering::Relaxed);
        if let Some(Keepalive { time, .. }) = self.now() {
            tracing::warn!(
                ?time,
                "a server ended a connection with too_many_pings: keepalive time doubled"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_double_the_time() {
        let pings = Pings::new(Some(Keepalive::after(Duration::from_secs(10))));
        for expected in [10, 20, 40, 80] {
            assert_eq!(pings.now().unwrap().time, Duration::from_secs(expected));
            pings.too_many();
        }
        let none = Pings::new(None);
        none.too_many();
        assert_eq!(none.now(), None);
    }
}
