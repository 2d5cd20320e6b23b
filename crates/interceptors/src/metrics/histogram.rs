use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use super::Bounds;

/// Counts values in buckets, without a lock.
///
/// A picture of it that is taken while values come is one of no exact moment, as everywhere in Prometheus, but its parts agree: the number of values is the sum of its buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static Bounds,
    /// One more than there are bounds.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// The last example of each bucket; not there before the first.
    exemplars: OnceLock<Box<Mutex<Exemplars>>>,
}

type Exemplars = Vec<Option<Exemplar>>;

/// A call that stands for others of its bucket, and whose trace can be looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// The id of its trace.
    pub trace_id: u128,
    /// What was measured, in the unit that is counted.
    pub(super) value: u64,
    pub(super) at: SystemTime,
}

/// What a [`Histogram`] has counted.
#[derive(Clone, Debug)]
pub struct Counted {
    pub(super) bounds: &'static Bounds,
    /// For each bucket by itself, not with those below.
    pub(super) buckets: Vec<u64>,
    pub(super) sum: u64,
    pub(super) exemplars: Exemplars,
}

impl Histogram {
    /// An empty histogram.
    pub fn new(bounds: &'static Bounds) -> Self {
        Self {
            bounds,
            buckets: (0..=bounds.upper.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            exemplars: OnceLock::new(),
        }
    }

    /// Counts a value, in the unit in which the bounds are written.
    pub fn record(&self, value: u64) {
        self.buckets[self.bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a value of a call whose trace was sampled, and keeps it as the example of its bucket unless another call is doing that right now.
    pub fn record_traced(&self, value: u64, trace_id: u128) {
        self.record(value);
        let empty = || Box::new(Mutex::new(vec![None; self.buckets.len()]));
        if let Ok(mut exemplars) = self.exemplars.get_or_init(empty).try_lock() {
            let at = SystemTime::now();
            exemplars[self.bucket(value)] = Some(Exemplar { trace_id, value, at });
        }
    }

    /// Counts a time where bounds are in nanoseconds, with the id of its trace if that was sampled.
    pub fn record_time(&self, time: Duration, trace_id: Option<u128>) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        match trace_id {
            Some(trace_id) => self.record_traced(nanos, trace_id),
            None => self.record(nanos),
        }
    }

    fn bucket(&self, value: u64) -> usize {
        self.bounds.upper.partition_point(|upper| *upper < value)
    }

    /// How many values there were so far.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        let exemplars = self.exemplars.get().map(|all| {
            let all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.clone()
        });
        Counted {
            bounds: self.bounds,
            buckets: self.buckets.iter().map(load).collect(),
            sum: load(&self.sum),
            exemplars: exemplars.unwrap_or_default(),
        }
    }
}

impl Counted {
    /// What somebody else has counted: the values in each bucket by itself, one more than there are bounds, and their sum, in the unit that is counted.
    pub fn of(bounds: &'static Bounds, buckets: Vec<u64>, sum: u64) -> Self {
        Self { bounds, buckets, sum, exemplars: Vec::new() }
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All values together, in the unit that is told.
    pub fn sum(&self) -> f64 {
        self.bounds.told(self.sum)
    }

    /// Adds what another histogram with the same bounds has counted.
    pub(super) fn add(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        if self.exemplars.is_empty() {
            self.exemplars = other.exemplars;
            return;
        }
        for (kept, other) in self.exemplars.iter_mut().zip(other.exemplars) {
            let is_newer = |other: &Exemplar| kept.is_none_or(|kept| kept.at < other.at);
            if other.as_ref().is_some_and(is_newer) {
                *kept = other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SIZE;

    fn counted(values: &[u64]) -> Counted {
        let histogram = Histogram::new(&SIZE);
        values.iter().for_each(|value| histogram.record(*value));
        histogram.counted()
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_what_is_larger_than_all_to_the_last() {
        let counted = counted(&[0, 1, 1024, 1025, u64::from(u32::MAX) + 2]);
        assert_eq!(counted.buckets[..3], [1, 2, 1]);
        assert_eq!(counted.buckets.last(), Some(&1));
        assert_eq!(counted.count(), 5);
    }

    #[test]
    fn no_value_is_lost_that_many_threads_count_at_once() {
        let histogram = Histogram::new(&SIZE);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let histogram = &histogram;
                scope.spawn(move || (0..10_000).for_each(|value| histogram.record(value * thread)));
            }
        });
        let counted = histogram.counted();
        assert_eq!(counted.count(), 40_000);
        assert_eq!(counted.sum(), f64::from((1 + 2 + 3) * (9_999 * 10_000 / 2)));
    }

    #[test]
    fn the_last_traced_call_of_a_bucket_is_its_example() {
        let histogram = Histogram::new(&SIZE);
        assert!(histogram.counted().exemplars.is_empty(), "nothing is kept before there is one");
        histogram.record_traced(10, 1);
        histogram.record_traced(20, 2);
        histogram.record_traced(5000, 3);
        let exemplars = histogram.counted().exemplars;
        let kept: Vec<_> =
            exemplars.iter().flatten().map(|one| (one.trace_id, one.value)).collect();
        assert_eq!(kept, [(2, 20), (3, 5000)]);
    }

    #[test]
    fn of_two_examples_of_a_bucket_the_newer_one_is_told() {
        let (first, second) = (Histogram::new(&SIZE), Histogram::new(&SIZE));
        first.record_traced(5000, 1);
        second.record_traced(5000, 2);
        second.record_traced(10, 3);
        first.record_traced(10, 4);
        for (one, other) in [(&first, &second), (&second, &first)] {
            let mut counted = one.counted();
            counted.add(other.counted());
            let kept: Vec<_> = counted.exemplars.iter().flatten().map(|one| one.trace_id).collect();
            assert_eq!(kept, [4, 2]);
        }
    }
}
