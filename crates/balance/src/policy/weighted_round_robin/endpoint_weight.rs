//! The weight of one endpoint, from its reports to the policy.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::{Duration, Instant};

use super::{Config, utilization};
use crate::LoadReport;
use crate::lock_free::{ReportedWeight, Unusable};
use crate::policy::endpoint_set::EndpointData;
use crate::policy::{CallEnd, CallTracker};

/// What the policy keeps of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Data(pub(super) Arc<EndpointWeight>);

impl EndpointData for Data {
    fn tracker(&self) -> Option<Arc<dyn CallTracker>> {
        Some(self.0.clone())
    }
}

/// The weight of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointWeight {
    reported: ReportedWeight,
    config: ArcSwap<Config>,
    /// What its times are counted from.
    epoch: Instant,
}

impl Default for EndpointWeight {
    fn default() -> Self {
        Self { reported: ReportedWeight::new(), config: ArcSwap::default(), epoch: Instant::now() }
    }
}

impl EndpointWeight {
    /// Reports count by this config from now on.
    pub(super) fn configure(&self, config: &Arc<Config>) {
        self.config.store(config.clone());
    }

    /// The endpoint has said what its load is.
    pub(super) fn report(&self, load: &LoadReport) {
        if let Some(weight) = utilization::weight(load, &self.config.load()) {
            self.reported.report(weight, self.millis(Instant::now()));
        }
    }

    /// The endpoint has become READY: reports from before say little about the server that is there now.
    pub(super) fn restart(&self) {
        self.reported.restart();
    }

    /// The weight, if it may be used.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn get(&self, now: Instant) -> Result<f32, Unusable> {
        let config = self.config.load();
        self.reported.get(
            self.millis(now),
            whole_millis(config.weight_expiration_period),
            whole_millis(config.blackout_period),
        )
    }

    fn millis(&self, at: Instant) -> u64 {
        whole_millis(at.saturating_duration_since(self.epoch))
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl CallTracker for EndpointWeight {
    fn ended(&self, end: &CallEnd<'_>) {
        if let Some(load) = end.load
            && !self.config.load().enable_oob_load_report
        {
            self.report(load);
        }
    }

    fn load_interval(&self) -> Option<Duration> {
        let config = self.config.load();
        config.enable_oob_load_report.then_some(config.oob_reporting_period)
    }

    fn load_reported(&self, load: &LoadReport) {
        // A stream that is about to be given up may still have one.
        if self.config.load().enable_oob_load_report {
            self.report(load);
        }
    }
}
