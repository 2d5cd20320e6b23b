//! What servers say of their load. Source: gRFC A51, `xds/data/orca/v3/orca_load_report.proto`.

use std::collections::HashMap;

/// The trailer in which a server reports its load with each call.
pub(crate) const LOAD_REPORT: &str = "endpoint-load-metrics-bin";

/// The load of a server: `xds.data.orca.v3.OrcaLoadReport`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LoadReport {
    /// Used share of the CPU; above 1 when it is over its limit.
    #[prost(double, tag = "1")]
    pub cpu_utilization: f64,
    /// Used share of the memory, from 0 to 1.
    #[prost(double, tag = "2")]
    pub mem_utilization: f64,
    /// Costs of this call, by name.
    #[prost(map = "string, double", tag = "4")]
    pub request_cost: HashMap<String, f64>,
    /// Used shares of other things, by name.
    #[prost(map = "string, double", tag = "5")]
    pub utilization: HashMap<String, f64>,
    /// Calls a second that the server takes.
    #[prost(double, tag = "6")]
    pub rps_fractional: f64,
    /// Calls a second that it fails.
    #[prost(double, tag = "7")]
    pub eps: f64,
    /// Whatever the server counts, by name.
    #[prost(map = "string, double", tag = "8")]
    pub named_metrics: HashMap<String, f64>,
    /// The server's own measure of how full it is; above 1 when it is over its limit.
    #[prost(double, tag = "9")]
    pub application_utilization: f64,
}
