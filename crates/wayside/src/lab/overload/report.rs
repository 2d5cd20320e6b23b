//! What is printed of it.

use std::io::{Write, stdout};

use anyhow::{Result, bail};
use serde::Serialize;

use super::figures::Figures;
use crate::lab::bars::Check;
use crate::lab::report::{Conditions, new_table};

/// A server under a load.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) limit: &'static str,
    pub(super) load: String,
    #[serde(flatten)]
    pub(super) figures: Figures,
    /// Empty where there is no bar.
    pub(super) checks: Vec<Check>,
}

#[derive(Serialize)]
struct Document<'a> {
    conditions: &'a Conditions,
    rows: &'a [Row],
}

/// Prints every row, for people or for programs.
pub(super) fn report(conditions: &Conditions, rows: &[Row], json: bool) -> Result<()> {
    let text = if json {
        serde_json::to_string_pretty(&Document { conditions, rows })?
    } else {
        table(conditions, rows)
    };
    Ok(writeln!(stdout().lock(), "{text}")?)
}

fn table(conditions: &Conditions, rows: &[Row]) -> String {
    let header =
        ["limit", "load", "offered/s", "goodput/s", "p99 ms", "refused/s", "p99 ms", "late/s", ""];
    let mut table = new_table(&header);
    for Row { limit, load, figures, checks } in rows {
        let verdict = match checks.iter().all(|check| check.met) {
            _ if checks.is_empty() => String::new(),
            true => "met".to_owned(),
            false => "MISSED".to_owned(),
        };
        table.add_row([
            (*limit).to_owned(),
            load.clone(),
            format!("{:.0}", figures.offered_per_second),
            format!("{:.0}", figures.goodput_per_second),
            format!("{:.1}", figures.accepted_p99_ms),
            format!("{:.0}", figures.refused_per_second),
            format!("{:.2}", figures.refused_p99_ms),
            format!("{:.0}", figures.late_per_second),
            verdict,
        ]);
    }
    format!("{conditions}\n{table}")
}

/// # Errors
/// The bars that were missed.
pub(super) fn verdict(rows: &[Row]) -> Result<()> {
    let missed: Vec<_> = rows
        .iter()
        .flat_map(|row| row.checks.iter().filter(|check| !check.met).map(move |check| (row, check)))
        .map(|(row, check)| {
            format!("{}, {}: {}; the bar is {}", row.limit, row.load, check.seen, check.bar)
        })
        .collect();
    if !missed.is_empty() {
        bail!("{} of our bars missed:\n  {}", missed.len(), missed.join("\n  "));
    }
    Ok(())
}
