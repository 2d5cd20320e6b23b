//! The report for programs.

use anyhow::Result;
use serde::Serialize;

use super::{Conditions, missed};
use crate::lab::bars::Check;
use crate::lab::experiment::{Outcome, Row};
use crate::lab::figures::Figures;

#[derive(Serialize)]
struct Document<'a> {
    conditions: &'a Conditions,
    rows: Vec<Line<'a>>,
    /// The bars of ours that were missed.
    missed: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    fault: &'static str,
    strategy: &'static str,
    ours: bool,
    /// Why the strategy could not run; then there are no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    unable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<&'a Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<&'a [Check]>,
}

/// One JSON document.
pub(crate) fn document(conditions: &Conditions, rows: &[Row]) -> Result<String> {
    let missed = missed(rows);
    let rows = rows.iter().map(line).collect();
    Ok(serde_json::to_string_pretty(&Document { conditions, rows, missed })?)
}

fn line(row: &Row) -> Line<'_> {
    let (unable, figures, checks) = match &row.outcome {
        Outcome::Unable(why) => (Some(why.as_str()), None, None),
        Outcome::Ran { figures, checks } => (None, Some(figures.as_ref()), Some(checks.as_slice())),
    };
    Line {
        fault: row.fault.name(),
        strategy: row.strategy.name,
        ours: row.strategy.is_ours(),
        unable,
        figures,
        checks,
    }
}
