//! What a service config says of the policy.

use tokio::time::Duration;

use super::utilization::Metric;
use crate::ServiceConfigError;
use crate::service_config::Fields;

/// Weights are not looked at more often.
const MIN_WEIGHT_UPDATE_PERIOD: Duration = Duration::from_millis(100);

/// Settings of `weighted_round_robin`. Source: gRFC A58, A114.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Whether servers report on a stream of its own, and what they report with calls is ignored. Default false.
    pub(crate) enable_oob_load_report: bool,
    /// How often they should, then. Default 10 s.
    pub(crate) oob_reporting_period: Duration,
    /// How long reports of an endpoint have to come before its weight is used. Default 10 s.
    pub(crate) blackout_period: Duration,
    /// How long a weight is used without a new report. Default 3 min.
    pub(crate) weight_expiration_period: Duration,
    /// How often weights are looked at. Default 1 s, at least 100 ms.
    pub(crate) weight_update_period: Duration,
    /// By how much the share of calls that fail adds to the utilization. Default 1, not negative.
    pub(crate) error_utilization_penalty: f64,
    /// What the utilization is the largest of, instead of what the server says it is. Default empty.
    pub(crate) metrics: Vec<Metric>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enable_oob_load_report: false,
            oob_reporting_period: Duration::from_secs(10),
            blackout_period: Duration::from_secs(10),
            weight_expiration_period: Duration::from_mins(3),
            weight_update_period: Duration::from_secs(1),
            error_utilization_penalty: 1.0,
            metrics: Vec::new(),
        }
    }
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let default = Self::default();
        let period = |name, default| Ok(fields.duration(name)?.unwrap_or(default));
        let penalty = fields.f64("errorUtilizationPenalty")?;
        if penalty.is_some_and(|penalty| penalty < 0.0) {
            return Err(fields.invalid("errorUtilizationPenalty", "is negative"));
        }
        let mut metrics = Vec::new();
        for (value, path) in fields.list("metricNamesForComputingUtilization")?.unwrap_or_default()
        {
            let name =
                value.as_str().ok_or_else(|| ServiceConfigError::new(path, "is not a string"))?;
            metrics.extend(Metric::named(name));
        }
        Ok(Self {
            enable_oob_load_report: fields
                .bool("enableOobLoadReport")?
                .unwrap_or(default.enable_oob_load_report),
            oob_reporting_period: period("oobReportingPeriod", default.oob_reporting_period)?,
            blackout_period: period("blackoutPeriod", default.blackout_period)?,
            weight_expiration_period: period(
                "weightExpirationPeriod",
                default.weight_expiration_period,
            )?,
            weight_update_period: period("weightUpdatePeriod", default.weight_update_period)?
                .max(MIN_WEIGHT_UPDATE_PERIOD),
            error_utilization_penalty: penalty.unwrap_or(default.error_utilization_penalty),
            metrics,
        })
    }
}
