//! Judges the endpoints at the end of an interval. Source: gRFC A50, "Outlier Detection Behavior".

use tokio::time::Instant;

use super::algorithms::Sample;
use super::config::{Common, Config};
use super::endpoints::{Ejection, News, Record};
use crate::totals::DetectionMethod;

/// One judgement of all endpoints.
pub(super) struct Sweep<'a> {
    records: Vec<&'a mut Record>,
    /// Of each record.
    samples: Vec<Sample>,
    /// How many records are.
    ejected: usize,
    config: &'a Config,
    now: Instant,
    news: News,
}

impl<'a> Sweep<'a> {
    /// Judges the endpoints, each by its calls since the last time. Returns what the child is to be told.
    pub(super) fn run(records: Vec<&'a mut Record>, config: &'a Config, now: Instant) -> News {
        let samples = records.iter().map(|record| record.calls.take()).collect();
        let ejected = records.iter().filter(|record| record.ejection.is_some()).count();
        let mut sweep = Self { records, samples, ejected, config, now, news: News::new() };
        if let Some(algorithm) = &config.success_rate {
            let outliers = algorithm.outliers(&sweep.samples);
            sweep.eject(&outliers, &algorithm.common, DetectionMethod::SuccessRate);
        }
        if let Some(algorithm) = &config.failure_percentage {
            let outliers = algorithm.outliers(&sweep.samples);
            sweep.eject(&outliers, &algorithm.common, DetectionMethod::FailurePercentage);
        }
        sweep.uneject();
        sweep.news
    }

    /// Ejects those of the outliers that may be, by their number and by chance.
    fn eject(&mut self, outliers: &[usize], common: &Common, method: DetectionMethod) {
        let algorithm = method.name();
        for &place in outliers {
            let full = self.is_full();
            let record = &mut self.records[place];
            // The other algorithm was faster, or these are late calls from before the ejection.
            if record.ejection.is_some() {
                continue;
            }
            if full || fastrand::u32(..100) >= common.enforcement_percentage {
                tracing::debug!(algorithm, full, "an outlier is not ejected");
                continue;
            }
            let sample = self.samples[place];
            let (failures, volume) = (sample.failures, sample.volume());
            let why = format!("ejected as an outlier: {failures} of {volume} calls have failed");
            let address = record.address().map(tracing::field::display);
            tracing::warn!(
                address,
                algorithm,
                failures,
                volume,
                "an endpoint is ejected as an outlier"
            );
            let ejection = Ejection { at: self.now, why: why.into() };
            record.count_ejection(method);
            record.eject(ejection, &mut self.news);
            self.ejected += 1;
        }
    }

    /// Whether as many endpoints are ejected as may be. Looked at before each ejection, so that the last one may go above: one is always possible.
    fn is_full(&self) -> bool {
        let percent = u64::from(self.config.max_ejection_percent);
        self.ejected as u64 * 100 >= percent * self.records.len() as u64
    }

    /// Ends the ejections whose time is over. A50 says "after" that time; where clocks have ticks, the tick at which it is over has to do.
    fn uneject(&mut self) {
        for record in &mut self.records {
            let Some(ejection) = &record.ejection else {
                record.times = record.times.saturating_sub(1);
                continue;
            };
            if self.now - ejection.at >= self.config.ejection_time(record.times) {
                record.uneject(&mut self.news);
            }
        }
    }
}
