//! From a load report to a weight.

use super::Config;
use crate::LoadReport;

/// A number in a load report that can be used as the utilization. Source: gRFC A114.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Metric {
    Application,
    Cpu,
    Memory,
    /// One of `named_metrics`.
    Named(String),
    /// One of `utilization`.
    Utilization(String),
}

impl Metric {
    /// The metric of that name; `None` when reports have no such number, which is the same as one that is never in them.
    pub(super) fn named(name: &str) -> Option<Self> {
        // The first full stop separates the map from the key, which may have more.
        Some(match name.split_once('.') {
            None if name == "application_utilization" => Self::Application,
            None if name == "cpu_utilization" => Self::Cpu,
            None if name == "mem_utilization" => Self::Memory,
            Some(("named_metrics", key)) => Self::Named(key.to_owned()),
            Some(("utilization", key)) => Self::Utilization(key.to_owned()),
            _ => return None,
        })
    }

    fn of(&self, report: &LoadReport) -> Option<f64> {
        match self {
            Self::Application => Some(report.application_utilization),
            Self::Cpu => Some(report.cpu_utilization),
            Self::Memory => Some(report.mem_utilization),
            Self::Named(key) => report.named_metrics.get(key).copied(),
            Self::Utilization(key) => report.utilization.get(key).copied(),
        }
    }
}

/// How many calls a second the endpoint should be given, next to others: what it takes now, divided by how full that makes it.
///
/// `None` when the report does not say, and nothing is to be learnt from it: utilization or calls are missing.
pub(super) fn weight(report: &LoadReport, config: &Config) -> Option<f32> {
    let utilization = utilization(report, &config.metrics);
    let calls = report.rps_fractional;
    // Written so that a number that is none fails.
    if !(calls > 0.0 && utilization > 0.0) {
        return None;
    }
    let failing = if report.eps > 0.0 { report.eps / calls } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "what becomes infinite is not used")]
    let weight = (calls / (utilization + failing * config.error_utilization_penalty)) as f32;
    (weight.is_finite() && weight > 0.0).then_some(weight)
}

fn utilization(report: &LoadReport, metrics: &[Metric]) -> f64 {
    // NaN is not above 0.
    let largest = metrics
        .iter()
        .filter_map(|metric| metric.of(report))
        .filter(|value| *value > 0.0)
        .reduce(f64::max);
    largest.unwrap_or(if report.application_utilization > 0.0 {
        report.application_utilization
    } else {
        report.cpu_utilization
    })
}
