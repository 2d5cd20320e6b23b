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
    /// The least part of [`BARE`] that it keeps.
    pub(crate) bar: Option<f64>,
}

/// The row that the others are compared with.
pub(super) const BARE: &str = "bare";

/// Every server, in the order of the table.
pub(crate) static ROWS: [Row; 4] = [
    Row {
        name: "stock",
        about: "tonic's own server without any interceptor, for comparison",
        backend: Backend::Stock,
        log: "error",
        bar: None,
    },
    Row {
        name: BARE,
        about: "our server loop without any interceptor: what the others are a part of",
        backend: Backend::Bare,
        log: "error",
        bar: None,
    },
    Row {
        name: "quiet",
        about: "our server with every interceptor, a JWT checked and every limit counted, and --log access=warn: no line for a call",
        backend: Backend::Wayside,
        log: "info,access=warn",
        bar: Some(0.85),
    },
    Row {
        name: "full",
        about: "the same with a line of JSON for each call, written to a pipe that is read",
        backend: Backend::Wayside,
        log: "info",
        bar: Some(0.70),
    },
];

impl Row {
    /// How its server is started.
    pub(super) fn plan(&self, everything: &Everything) -> ServerPlan {
        let options = match self.backend {
            Backend::Wayside => everything.options.clone(),
            Backend::Stock | Backend::Bare => Vec::new(),
        };
        ServerPlan { log: self.log, options, ..ServerPlan::of(self.backend) }
    }
}
