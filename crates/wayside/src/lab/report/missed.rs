//! The bars that were missed.

use crate::lab::experiment::{Outcome, Row};

/// A line for each, with the row, what was seen, and the bar.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        let Outcome::Ran { checks, .. } = &row.outcome else { continue };
        for check in checks.iter().filter(|check| !check.met) {
            let (fault, strategy) = (row.fault.name(), row.strategy.name);
            lines.push(format!("{fault}, {strategy}: {}; the bar is {}", check.seen, check.bar));
        }
    }
    lines
}
