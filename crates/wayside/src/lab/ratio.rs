//! Two things that took turns, one as a multiple of the other.

use std::fmt;

use serde::Serialize;

use super::figures::median;

/// The middle of the ratios of each round, whose halves were measured right after each other, and the farthest: how much the machine tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Ratio {
    /// Of the ratios of all rounds.
    pub(crate) fn of(ratios: impl Iterator<Item = f64> + Clone) -> Self {
        Self {
            median: median(ratios.clone().collect()),
            least: ratios.clone().fold(f64::INFINITY, f64::min),
            most: ratios.fold(0.0, f64::max),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "x{:.3} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}
