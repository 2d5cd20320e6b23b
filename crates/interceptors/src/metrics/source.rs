use std::fmt;

use super::Within;

/// Has numbers to tell.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// Tells them as they are now. Called each time that somebody asks for the metrics of the process.
    fn collect(&self, samples: &mut Within<'_>);
}

/// What a number means.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
}

/// How the numbers of a [`Metric`] are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Values, counted in buckets.
    Histogram,
}

impl Metric {
    /// A number that only grows. `name` ends in the unit, if there is one; `_total` is written behind it.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter }
    }

    /// A number that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge }
    }

    /// Values, counted in buckets.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Histogram }
    }
}
