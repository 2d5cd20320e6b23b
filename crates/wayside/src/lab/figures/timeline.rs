//! When what was done to the servers.

/// The course of one run, in microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    pub(crate) began_us: u64,
    pub(crate) ended_us: u64,
    /// How many servers there were in the end.
    pub(crate) servers: usize,
    pub(crate) restarts: Vec<Restart>,
    /// When the victim was stopped.
    pub(crate) frozen_us: Option<u64>,
    /// When the clients were told of new servers, and the first of those.
    pub(crate) resolved: Option<(u64, usize)>,
}

/// A server that went and came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restart {
    pub(crate) server: usize,
    /// When it was told to stop, or was killed.
    pub(crate) stop_us: u64,
    /// When the next one listened on its port.
    pub(crate) back_us: u64,
}

impl Timeline {
    pub(crate) fn seconds(&self) -> f64 {
        self.ended_us.saturating_sub(self.began_us) as f64 / 1e6
    }
}
