//! The servers that are compared. Adding one is adding an entry.

use super::everything::Everything;
use crate::lab::stage::{Backend, ServerPlan};

/// A server of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What it is, for `--help`.
    pub(crate) about: &'static str,
    pub(super) backend: Backend,
    /// Its `--log`.
    log: &'static str,
    /// The part of its traces that it exports, if it makes any.
    pub(super) traces: Option<&'static str>,
    /// The row that it is compared with.
    pub(crate) of: &'static str,
    /// The least part of that row that it keeps.
    pub(crate) bar: Option<f64>,
}

/// The row that most others are compared with.
pub(super) const BARE: &str = "bare";
/// The row that those with traces are compared with.
const FULL: &str = "full";

/// Every server, in the order of the table.
pub(crate) static ROWS: [Row; 6] = [
    Row {
        name: "stock",
        about: "tonic's own server without any interceptor, for comparison",
        backend: Backend::Stock,
        log: "error",
        traces: None,
        of: BARE,
        bar: None,
    },
    Row {
        name: BARE,
        about: "our server loop without any interceptor: what the others are a part of",
        backend: Backend::Bare,
        log: "error",
        traces: None,
        of: BARE,
        bar: None,
    },
    Row {
        name: "quiet",
        about: "our server with every interceptor, a JWT checked and every limit counted, and --log access=warn: no line for a call",
        backend: Backend::Wayside,
        log: "info,access=warn",
        traces: None,
        of: BARE,
        bar: Some(0.85),
    },
    Row {
        name: FULL,
        about: "the same with a line of JSON for each call, written to a pipe that is read",
        backend: Backend::Wayside,
        log: "info",
        traces: None,
        of: BARE,
        bar: Some(0.70),
    },
    Row {
        name: "traces 1 %",
        about: "full, and one trace of a hundred is exported to a collector; compared with full",
        backend: Backend::Wayside,
        log: "info",
        traces: Some("0.01"),
        of: FULL,
        bar: Some(0.95),
    },
    Row {
        name: "traces 100 %",
        about: "full, and every trace is exported to a collector; compared with full",
        backend: Backend::Wayside,
        log: "info",
        traces: Some("1"),
        of: FULL,
        bar: Some(0.75),
    },
];

impl Row {
    /// Whether there is a span for each call.
    pub(super) fn exports_every_call(&self) -> bool {
        self.traces == Some("1")
    }

    /// How its server is started, whose spans go to `collector`.
    pub(super) fn plan(&self, everything: &Everything, collector: &str) -> ServerPlan {
        let mut options = match self.backend {
            Backend::Wayside => everything.options.clone(),
            Backend::Stock | Backend::Bare => Vec::new(),
        };
        if let Some(ratio) = self.traces {
            let traces = [
                ["--traces", "otlp"],
                ["--otel-exporter-otlp-endpoint", collector],
                ["--otel-traces-sampler", "parentbased_traceidratio"],
                ["--otel-traces-sampler-arg", ratio],
                // As many as come while the thread of the exporter waits for a core that everybody wants.
                ["--otel-bsp-max-queue-size", "65536"],
            ];
            options.extend(traces.as_flattened().iter().map(ToString::to_string));
        }
        ServerPlan { log: self.log, options, ..ServerPlan::of(self.backend) }
    }
}
