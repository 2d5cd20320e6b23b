//! Settings of `outlier_detection_experimental`.

use tokio::time::Duration;

use crate::ServiceConfigError;
use crate::policy::PolicyConfig;
use crate::service_config::Fields;

type Result<T> = std::result::Result<T, ServiceConfigError>;

/// A50 allows an interval of 0, which would leave no time for anything else.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Settings. With neither of the two algorithms nothing is ejected. Source: gRFC A50, `OutlierDetectionLoadBalancingConfig`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// How often endpoints are judged. Default 10 s.
    pub(super) interval: Duration,
    /// How long the first ejection lasts; the second in a row twice as long, and so on. Default 30 s.
    pub(super) base_ejection_time: Duration,
    /// How long an ejection lasts at most, unless `base_ejection_time` is longer. Default 300 s.
    pub(super) max_ejection_time: Duration,
    /// No endpoint is ejected while so many percent are. The first one always is, unless this is 0. Default 10.
    pub(super) max_ejection_percent: u32,
    pub(super) success_rate: Option<SuccessRate>,
    pub(super) failure_percentage: Option<FailurePercentage>,
    /// What places calls on the endpoints that are left. Required.
    pub(in crate::policy) child: Box<PolicyConfig>,
}

/// Ejects endpoints that are worse than the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SuccessRate {
    /// How many thousandths of the standard deviation a success rate may lie below the mean. Default 1900.
    pub(super) stdev_factor: u32,
    pub(super) common: Common,
}

/// Ejects endpoints that are bad, whatever the others are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FailurePercentage {
    /// How many percent of the calls may fail. Default 85.
    pub(super) threshold: u32,
    pub(super) common: Common,
}

/// What both algorithms have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Common {
    /// How many percent of the outliers are ejected, by chance. Default 100.
    pub(super) enforcement_percentage: u32,
    /// How many endpoints need to have calls enough; with fewer, none is judged. Default 5.
    pub(super) minimum_hosts: usize,
    /// How many calls of an interval are enough to judge an endpoint. Default 100 for success rates, 50 for failure percentages.
    pub(super) request_volume: u32,
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self> {
        let seconds = |name, default| {
            let read = fields.duration(name)?;
            Ok(read.unwrap_or(Duration::from_secs(default)))
        };
        let success_rate = fields.object("successRateEjection")?;
        let failure_percentage = fields.object("failurePercentageEjection")?;
        Ok(Self {
            interval: seconds("interval", 10)?.max(SHORTEST_INTERVAL),
            base_ejection_time: seconds("baseEjectionTime", 30)?,
            max_ejection_time: seconds("maxEjectionTime", 300)?,
            max_ejection_percent: percent(fields, "maxEjectionPercent", 10)?,
            success_rate: success_rate.as_ref().map(SuccessRate::parse).transpose()?,
            failure_percentage: failure_percentage
                .as_ref()
                .map(FailurePercentage::parse)
                .transpose()?,
            child: PolicyConfig::parse_child(fields)?,
        })
    }

    /// Whether endpoints are judged at all.
    pub(super) fn judges(&self) -> bool {
        self.success_rate.is_some() || self.failure_percentage.is_some()
    }

    /// How long an endpoint is ejected that was ejected so many times in a row.
    pub(super) fn ejection_time(&self, times: u32) -> Duration {
        let longest = self.base_ejection_time.max(self.max_ejection_time);
        self.base_ejection_time.saturating_mul(times).min(longest)
    }
}

impl SuccessRate {
    fn parse(fields: &Fields<'_>) -> Result<Self> {
        let stdev_factor = fields.u32("stdevFactor")?.unwrap_or(1900);
        Ok(Self { stdev_factor, common: Common::parse(fields, 100)? })
    }
}

impl FailurePercentage {
    fn parse(fields: &Fields<'_>) -> Result<Self> {
        let threshold = percent(fields, "threshold", 85)?;
        Ok(Self { threshold, common: Common::parse(fields, 50)? })
    }
}

impl Common {
    fn parse(fields: &Fields<'_>, default_volume: u32) -> Result<Self> {
        let minimum_hosts = fields.u32("minimumHosts")?.unwrap_or(5);
        Ok(Self {
            enforcement_percentage: percent(fields, "enforcementPercentage", 100)?,
            minimum_hosts: usize::try_from(minimum_hosts).unwrap_or(usize::MAX),
            request_volume: fields.u32("requestVolume")?.unwrap_or(default_volume),
        })
    }
}

fn percent(fields: &Fields<'_>, name: &str, default: u32) -> Result<u32> {
    match fields.u32(name)? {
        Some(101..) => Err(fields.invalid(name, "is more than 100")),
        given => Ok(given.unwrap_or(default)),
    }
}
