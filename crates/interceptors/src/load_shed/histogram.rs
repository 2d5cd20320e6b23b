//! How long calls took, counted without a lock.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Duration;

/// Buckets for each power of two, which makes a bucket at most 6 % wide.
const PER_OCTAVE: u64 = 16;
const OCTAVE_BITS: u32 = PER_OCTAVE.trailing_zeros();
/// The powers of two of 128 ns; the last bucket begins after two hours.
const OCTAVES: u32 = 36;
const BUCKETS: usize = ((OCTAVES - OCTAVE_BITS + 1) as u64 * PER_OCTAVE) as usize;
/// Nanoseconds of the smallest step, as a power of two.
const STEP_BITS: u32 = 7;

/// Times in buckets of the same relative width.
pub(super) struct Histogram {
    buckets: Box<[AtomicU32]>,
    count: AtomicU32,
}

impl Histogram {
    pub(super) fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU32::new(0)).collect();
        Self { buckets, count: AtomicU32::new(0) }
    }

    /// Counts a call. Gives how many there are now.
    pub(super) fn record(&self, time: Duration) -> u32 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos >> STEP_BITS)].fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// The time that nine of ten calls did not exceed, and none without calls. Begins anew: a call that is counted meanwhile is in one of the two.
    pub(super) fn take_p90(&self) -> Option<Duration> {
        self.count.store(0, Ordering::Relaxed);
        let mut counts = [0_u32; BUCKETS];
        for (count, bucket) in counts.iter_mut().zip(&self.buckets) {
            if bucket.load(Ordering::Relaxed) > 0 {
                *count = bucket.swap(0, Ordering::Relaxed);
            }
        }
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let mut below = total - total / 10;
        let found = counts.iter().position(|count| {
            below = below.saturating_sub((*count).into());
            below == 0 && *count > 0
        });
        found.map(|bucket| Duration::from_nanos(middle(bucket as u64) << STEP_BITS >> 1))
    }
}

/// The bucket of a number of steps.
fn bucket(steps: u64) -> usize {
    let octave = steps.checked_ilog2().unwrap_or(0);
    if octave < OCTAVE_BITS {
        return steps as usize;
    }
    let within = (steps >> (octave - OCTAVE_BITS)) & (PER_OCTAVE - 1);
    let bucket = u64::from(octave - OCTAVE_BITS + 1) * PER_OCTAVE + within;
    (bucket as usize).min(BUCKETS - 1)
}

/// The middle of a bucket, in half steps.
fn middle(bucket: u64) -> u64 {
    let octave = bucket / PER_OCTAVE;
    if octave == 0 {
        return 2 * bucket + 1;
    }
    let shift = octave - 1;
    (2 * (PER_OCTAVE + bucket % PER_OCTAVE) + 1) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_found_again_within_four_hundredths() {
        for nanos in (0..50).map(|power| 1_000.0 * 1.7_f64.powi(power)).filter(|n| *n < 6e12) {
            let time = Duration::from_nanos(nanos as u64);
            let histogram = Histogram::new();
            assert_eq!(histogram.record(time), 1);
            let found = histogram.take_p90().unwrap();
            let off = found.as_secs_f64() / time.as_secs_f64() - 1.0;
            assert!(off.abs() < 0.04 || time.as_micros() < 3, "{time:?} was found as {found:?}");
        }
    }

    #[test]
    fn nine_of_ten_are_not_above_the_percentile() {
        let histogram = Histogram::new();
        for millis in 1..=100 {
            histogram.record(Duration::from_millis(millis));
        }
        let p90 = histogram.take_p90().unwrap();
        assert!((87..=94).contains(&p90.as_millis()), "{p90:?}");
        assert_eq!((histogram.take_p90(), histogram.count()), (None, 0), "it begins anew");
    }

    #[test]
    fn a_time_beyond_all_buckets_is_in_the_last_one() {
        let histogram = Histogram::new();
        histogram.record(Duration::MAX);
        histogram.record(Duration::ZERO);
        assert!(histogram.take_p90().unwrap() > Duration::from_secs(3600));
    }
}
