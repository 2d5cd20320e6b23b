//! What the figures depend on besides the code.

use std::fmt;
use std::thread::available_parallelism;

use serde::Serialize;

use crate::lab::stage::Backend;

/// What the figures depend on besides the code: whoever compares two reports has to look here first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Conditions {
    pub(crate) server: Backend,
    pub(crate) workers: u32,
    pub(crate) build: &'static str,
    pub(crate) cpus: usize,
}

impl Conditions {
    /// Those of this program on this machine.
    pub(crate) fn here(server: Backend, workers: u32) -> Self {
        Self {
            server,
            workers,
            build: build(),
            cpus: available_parallelism().map_or(1, Into::into),
        }
    }
}

/// How this program was built.
pub(crate) fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

impl fmt::Display for Conditions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match self.server {
            Backend::Wayside => "ours (wayside-chassis)",
            Backend::Stock => "tonic's own",
            Backend::Bare => "ours (wayside-chassis) without interceptors",
        };
        let Self { workers, build, cpus, .. } = self;
        write!(
            formatter,
            "servers: {server}; {workers} workers a client; {build} build; {cpus} CPUs"
        )
    }
}
