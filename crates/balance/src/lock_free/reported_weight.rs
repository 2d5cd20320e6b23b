//! The weight of an endpoint as its reports make it. Source: gRFC A58.

use super::sync::{AtomicU64, Ordering};

/// In place of a time: there is none. No time is later, so that no blackout that began then is over.
const NEVER: u64 = u64::MAX;
/// Bits of the time in [`ReportedWeight::latest`]: 34 years.
const TIME_BITS: u32 = 40;
const TIME_MAX: u64 = (1 << TIME_BITS) - 1;
/// The sign of a weight and the last bits of its fraction are not kept: 16 bits are what the scheduler tells apart.
const DROPPED_BITS: u32 = 7;

/// What the latest report said, and since when there are reports. Calls that end write it, on any thread; the policy reads it.
///
/// Times are milliseconds since some moment that is the same for all of them.
#[derive(Debug)]
pub(crate) struct ReportedWeight {
    /// The weight and the time of its report in one word, so that one is never seen with the other of another report. 0 when there was no report.
    latest: AtomicU64,
    /// When the first of the reports came that have kept coming.
    since: AtomicU64,
}

/// Why a weight is not used. Source: gRFC A78.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// There was no report, or reports have not been coming for long enough.
    NotYet,
    /// The last report is too long ago.
    Stale,
}

impl ReportedWeight {
    pub(crate) fn new() -> Self {
        Self { latest: AtomicU64::new(0), since: AtomicU64::new(NEVER) }
    }

    /// A report has come, with a weight above 0.
    pub(crate) fn report(&self, weight: f32, now: u64) {
        // The order matters to nobody: who sees only one of the two does not use the weight yet.
        let _ = self.since.compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed);
        self.latest.store(pack(weight, now), Ordering::Relaxed);
    }

    /// The endpoint has become READY: the blackout begins with its next report.
    pub(crate) fn restart(&self) {
        self.since.store(NEVER, Ordering::Relaxed);
    }

    /// The weight, if it may be used: reported less than `expiration` ago, and reports have been coming for `blackout`.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn get(&self, now: u64, expiration: u64, blackout: u64) -> Result<f32, Unusable> {
        let latest = self.latest.load(Ordering::Relaxed);
        if latest == 0 {
            return Err(Unusable::NotYet);
        }
        let (weight, reported) = unpack(latest);
        if now.saturating_sub(reported) >= expiration {
            // A report that comes in this moment may be overlooked: the blackout then begins with the next one.
            self.restart();
            return Err(Unusable::Stale);
        }
        let since = self.since.load(Ordering::Relaxed);
        if now.saturating_sub(since) < blackout { Err(Unusable::NotYet) } else { Ok(weight) }
    }
}

fn pack(weight: f32, now: u64) -> u64 {
    // A subnormal weight would otherwise become 0, "no report".
    let kept = (weight.to_bits() >> DROPPED_BITS).max(1);
    (u64::from(kept) << TIME_BITS) | now.min(TIME_MAX)
}

fn unpack(word: u64) -> (f32, u64) {
    let kept = (word >> TIME_BITS) as u32;
    (f32::from_bits(kept << DROPPED_BITS), word & TIME_MAX)
}
