//! Who is an outlier, from what the calls of one interval came to.

use super::config::{Common, FailurePercentage, SuccessRate};

/// The calls of one endpoint that ended within one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) successes: u64,
    pub(super) failures: u64,
}

impl Sample {
    pub(super) fn volume(self) -> u64 {
        self.successes + self.failures
    }

    /// The share of the calls that have succeeded; there has to be a call.
    fn success_rate(self) -> f64 {
        ratio(self.successes, self.volume())
    }

    fn failure_percentage(self) -> f64 {
        100.0 * ratio(self.failures, self.volume())
    }
}

impl SuccessRate {
    /// The places of the outliers: those whose success rate is lower than the mean by more than so many standard deviations.
    pub(super) fn outliers(&self, samples: &[Sample]) -> Vec<usize> {
        let judged = self.common.judged(samples);
        let rates = || judged.iter().map(|(_, sample)| sample.success_rate());
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 endpoints")]
        let count = judged.len() as f64;
        let mean = rates().sum::<f64>() / count;
        // The deviation of those that there are, not an estimate for more of their kind: divided by their number, not by one less.
        let variance = rates().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        let required = mean - variance.sqrt() * f64::from(self.stdev_factor) / 1000.0;
        let below = judged.iter().filter(|(_, sample)| sample.success_rate() < required);
        below.map(|(place, _)| *place).collect()
    }
}

impl FailurePercentage {
    /// The places of the outliers: those of whose calls more than so many percent have failed.
    pub(super) fn outliers(&self, samples: &[Sample]) -> Vec<usize> {
        let judged = self.common.judged(samples).into_iter();
        let above =
            judged.filter(|(_, sample)| sample.failure_percentage() > f64::from(self.threshold));
        above.map(|(place, _)| place).collect()
    }
}

impl Common {
    /// Those that had calls enough, with their places; none if they are too few.
    fn judged(&self, samples: &[Sample]) -> Vec<(usize, Sample)> {
        // Without a call there is no rate, even if none is asked for.
        let enough = u64::from(self.request_volume).max(1);
        let judged = samples.iter().copied().enumerate();
        let judged: Vec<_> = judged.filter(|(_, sample)| sample.volume() >= enough).collect();
        if judged.len() < self.minimum_hosts { Vec::new() } else { judged }
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 calls take longer than any interval")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(request_volume: u32) -> Common {
        Common { enforcement_percentage: 100, minimum_hosts: 5, request_volume }
    }

    /// Endpoints with so many calls each, of which so many have failed.
    fn samples(volume: u64, failures: &[u64]) -> Vec<Sample> {
        let sample = |&failures| Sample { successes: volume - failures, failures };
        failures.iter().map(sample).collect()
    }

    #[test]
    fn success_rates_far_below_the_mean_are_outliers() {
        let by_default = SuccessRate { stdev_factor: 1900, common: common(100) };
        let lenient = SuccessRate { stdev_factor: 2100, ..by_default.clone() };
        let volume_of_0 = SuccessRate { stdev_factor: 1900, common: common(0) };
        let mut with_a_quiet_one = samples(100, &[0, 0, 0, 0, 100]);
        with_a_quiet_one.push(Sample { successes: 0, failures: 99 });
        let mut with_an_unused_one = samples(100, &[0, 0, 0, 0, 100]);
        with_an_unused_one.push(Sample::default());
        let mut too_few = samples(100, &[0, 0, 0, 100]);
        too_few.push(Sample { successes: 99, failures: 0 });
        for (settings, samples, expected, why) in [
            // The worked example: mean (4 * 1 + 0) / 5 = 0.8; deviation sqrt((4 * 0.2^2 + 0.8^2) / 5) = 0.4; so 0.8 - 1.9 * 0.4 = 0.04 is required.
            (&by_default, samples(100, &[0, 0, 0, 0, 100]), &[4][..], "0 < 0.04"),
            // Mean 0.81, deviation 0.38, required 0.088. Divided by n - 1 the deviation would be 0.425, and 0.003 enough.
            (&by_default, samples(100, &[0, 95, 0, 0, 0]), &[1], "0.05 < 0.088"),
            (&by_default, samples(100, &[0, 0, 0, 0, 91]), &[4], "0.09 < 0.1264"),
            (&by_default, samples(1000, &[10, 11, 12, 13, 14]), &[], "all alike"),
            (&by_default, samples(100, &[100; 5]), &[], "none is worse than the others"),
            (&lenient, samples(100, &[0, 0, 0, 0, 100]), &[], "0.8 - 2.1 * 0.4 is negative"),
            (&by_default, samples(99, &[0, 0, 0, 0, 99]), &[], "99 calls are too few"),
            (&by_default, too_few, &[], "four endpoints with 100 calls are too few"),
            (&by_default, with_a_quiet_one, &[4], "99 calls do not count, for nobody"),
            (&volume_of_0, with_an_unused_one, &[4], "no call, no rate, and none in the mean"),
            (&volume_of_0, samples(0, &[0; 5]), &[], "no calls at all"),
        ] {
            assert_eq!(settings.outliers(&samples), expected, "{why}: {samples:?}");
        }
    }

    #[test]
    fn failure_percentages_above_the_threshold_are_outliers() {
        let by_default = FailurePercentage { threshold: 85, common: common(50) };
        let volume_of_0 = FailurePercentage { threshold: 0, common: common(0) };
        let mut mixed = samples(50, &[0, 50, 50, 0, 0]);
        mixed[1] = Sample { successes: 0, failures: 49 };
        mixed.push(Sample { successes: 50, failures: 0 });
        for (settings, samples, expected, why) in [
            (&by_default, samples(100, &[0, 0, 0, 0, 86]), &[4][..], "86 % > 85 %"),
            (&by_default, samples(100, &[0, 0, 0, 0, 85]), &[], "85 % is not above 85 %"),
            (&by_default, samples(50, &[50; 5]), &[0, 1, 2, 3, 4], "others do not matter"),
            (&by_default, samples(49, &[49; 5]), &[], "49 calls are too few"),
            (&by_default, samples(50, &[0, 0, 0, 50]), &[], "four endpoints are too few"),
            (&by_default, mixed, &[2], "49 calls are too few, for that endpoint only"),
            (&volume_of_0, samples(0, &[0; 5]), &[], "no call, no percentage"),
        ] {
            assert_eq!(settings.outliers(&samples), expected, "{why}: {samples:?}");
        }
    }
}
