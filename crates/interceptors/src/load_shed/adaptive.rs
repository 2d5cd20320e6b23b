//! Measures calls for a [`Gradient`]. A call counts itself in atomics; the one that finds a window complete works out the limit, and no other waits for it.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::time::{Duration, Instant};

use super::gradient::{Gradient, Window};
use super::histogram::Histogram;

/// How long a window is at the least. Source: `concurrency_update_interval` of Envoy's examples.
const WINDOW: Duration = Duration::from_millis(100);
/// How long it is at the most, unless there are too few calls. While calls take long, it is twice as long as they do, so that a change of the limit is
/// seen in the times before the next one. Source: Netflix's `WindowedLimit`.
const LONGEST_WINDOW: Duration = Duration::from_secs(1);
/// Fewer calls say nothing. Source: Netflix's `WindowedLimit`.
const MIN_CALLS: u32 = 10;
/// So many calls are a measurement of the ideal time, however fast they come. Source: `min_rtt_calc_params.request_count` of Envoy.
const MEASURED_CALLS: u32 = 50;

pub(super) struct Adaptive {
    start: Instant,
    times: Histogram,
    /// The most calls that were in flight in this window.
    peak: AtomicU32,
    /// When the window ends, and the number of calls that end it earlier.
    ends: AtomicU64,
    enough: AtomicU32,
    /// Calls that began before this do not count: they waited behind more calls than there may be now.
    since: AtomicU64,
    /// What calls take when none of them waits, in nanoseconds.
    ideal: AtomicU64,
    gradient: Mutex<State>,
}

struct State {
    gradient: Gradient,
    /// The calls that had been refused when the window began.
    shed: u64,
}

impl Adaptive {
    pub(super) fn new(gradient: Gradient, now: Instant) -> Self {
        Self {
            start: now,
            times: Histogram::new(),
            peak: AtomicU32::new(0),
            ends: AtomicU64::new(nanos(LONGEST_WINDOW)),
            enough: AtomicU32::new(MEASURED_CALLS),
            since: AtomicU64::new(0),
            ideal: AtomicU64::new(0),
            gradient: Mutex::new(State { gradient, shed: 0 }),
        }
    }

    /// A call has begun, and is one of so many in flight.
    pub(super) fn began(&self, in_flight: u32) {
        // Read first, as writing would take the cache line from other cores for nothing.
        if self.peak.load(Ordering::Relaxed) < in_flight {
            self.peak.fetch_max(in_flight, Ordering::Relaxed);
        }
    }

    /// A call was answered. If that was the end of a window, gives the new limit.
    pub(super) fn answered(&self, began: Instant, shed: u64) -> Option<u32> {
        let now = Instant::now();
        if self.at(began) < self.since.load(Ordering::Relaxed) {
            return None;
        }
        let count = self.times.record(now.saturating_duration_since(began));
        self.is_complete(count, now).then(|| self.close(now, shed)).flatten()
    }

    /// A call failed or was given up. It would have taken at least as long, which says something if that is longer than ideal.
    pub(super) fn failed(&self, began: Instant, shed: u64) -> Option<u32> {
        let ideal = self.ideal.load(Ordering::Relaxed);
        (nanos(began.elapsed()) > ideal && ideal > 0).then(|| self.answered(began, shed)).flatten()
    }

    fn is_complete(&self, count: u32, now: Instant) -> bool {
        let is_over = self.at(now) >= self.ends.load(Ordering::Relaxed);
        is_over && count >= MIN_CALLS || count >= self.enough.load(Ordering::Relaxed)
    }

    fn close(&self, now: Instant, shed: u64) -> Option<u32> {
        // Whoever holds the lock is closing the window.
        let mut state = self.gradient.try_lock().ok()?;
        if !self.is_complete(self.times.count(), now) {
            return None;
        }
        let time = self.times.take_p90()?;
        let peak = self.peak.swap(0, Ordering::Relaxed);
        let was_shed = shed > std::mem::replace(&mut state.shed, shed);
        let window = Window { time, peak, shed: was_shed };
        state.gradient.close(window, now, fastrand::f64());

        let is_measuring = state.gradient.is_measuring();
        let (length, enough) = if is_measuring {
            self.since.store(self.at(now), Ordering::Relaxed);
            (LONGEST_WINDOW, MEASURED_CALLS)
        } else {
            self.ideal.store(nanos(state.gradient.ideal()), Ordering::Relaxed);
            ((2 * time).clamp(WINDOW, LONGEST_WINDOW), u32::MAX)
        };
        self.ends.store(self.at(now + length), Ordering::Relaxed);
        self.enough.store(enough, Ordering::Relaxed);
        Some(state.gradient.limit())
    }

    fn at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.start))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Adaptive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ideal = Duration::from_nanos(self.ideal.load(Ordering::Relaxed));
        f.debug_struct("Adaptive").field("ideal", &ideal).finish_non_exhaustive()
    }
}
