//! What was counted of weights, each time that they were looked at. Source: gRFC A78, "Weighted Round Robin LB Policy".

use std::sync::atomic::{AtomicU64, Ordering};

use crate::lock_free::Unusable;

/// The upper bounds of [`WeightsSnapshot::buckets`], in thousandths. gRFC A78 has none, and implementations take those of OpenTelemetry's SDK, "Explicit Bucket
/// Histogram Aggregation".
pub static WEIGHT_BOUNDS: [u64; 15] = [
    0, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000,
    2_500_000, 5_000_000, 7_500_000, 10_000_000,
];

/// Counts what the policy finds. Only the channel's task writes it; whoever takes a snapshot reads it.
#[derive(Debug, Default)]
pub(crate) struct WeightCounts {
    fallbacks: AtomicU64,
    not_yet_usable: AtomicU64,
    stale: AtomicU64,
    buckets: [AtomicU64; WEIGHT_BOUNDS.len() + 1],
    /// In thousandths.
    sum: AtomicU64,
}

/// What `weighted_round_robin` has found when it looked at the weights of READY endpoints, which it does every `weightUpdatePeriod` and when there are other endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightsSnapshot {
    /// Looks that found fewer than two usable weights, so that every endpoint gets the same.
    pub fallbacks: u64,
    /// Endpoints at each look that had not reported for long enough.
    pub not_yet_usable: u64,
    /// Endpoints at each look whose last report was too long ago.
    pub stale: u64,
    /// How many endpoints at each look had a weight up to each of [`WEIGHT_BOUNDS`], and above all of them; one without a usable weight has 0.
    pub buckets: [u64; WEIGHT_BOUNDS.len() + 1],
    /// All those weights together, in thousandths.
    pub sum: u64,
}

impl WeightCounts {
    /// The weights of the READY endpoints were looked at.
    pub(crate) fn looked(&self, weights: &[Result<f32, Unusable>]) {
        let add = |number: &AtomicU64, more| number.fetch_add(more, Ordering::Relaxed);
        if weights.iter().flatten().count() < 2 {
            add(&self.fallbacks, 1);
        }
        for weight in weights {
            match weight {
                Ok(_) => 0,
                Err(Unusable::NotYet) => add(&self.not_yet_usable, 1),
                Err(Unusable::Stale) => add(&self.stale, 1),
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is not negative, and too much of it is as much as there can be"
            )]
            let thousandths = (f64::from(weight.unwrap_or_default()) * 1000.0) as u64;
            let bucket = WEIGHT_BOUNDS.partition_point(|upper| *upper < thousandths);
            add(&self.buckets[bucket], 1);
            add(&self.sum, thousandths);
        }
    }

    /// `None` before the first look.
    pub(crate) fn snapshot(&self) -> Option<WeightsSnapshot> {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let snapshot = WeightsSnapshot {
            fallbacks: load(&self.fallbacks),
            not_yet_usable: load(&self.not_yet_usable),
            stale: load(&self.stale),
            buckets: std::array::from_fn(|bucket| load(&self.buckets[bucket])),
            sum: load(&self.sum),
        };
        (snapshot.buckets.iter().sum::<u64>() > 0).then_some(snapshot)
    }
}
