//! What is printed of it.

use std::io::{Write, stdout};

use anyhow::Result;
use serde::Serialize;

use super::compare::{Comparison, Side};
use super::run::Pair;
use crate::lab::report::{Conditions, new_table};

#[derive(Serialize)]
struct Document<'a> {
    conditions: &'a Conditions,
    pairs: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    pair: &'static str,
    strategies: [&'static str; 2],
    servers: usize,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// Prints every comparison, for people or for programs.
pub(super) fn report(
    conditions: &Conditions,
    compared: &[(&Pair, Comparison)],
    json: bool,
) -> Result<()> {
    let text = if json {
        let pairs = compared.iter().map(|(pair, comparison)| Entry {
            pair: pair.name,
            strategies: [pair.tonic, pair.ours],
            servers: pair.servers,
            comparison,
        });
        serde_json::to_string_pretty(&Document { conditions, pairs: pairs.collect() })?
    } else {
        table(conditions, compared)
    };
    Ok(writeln!(stdout().lock(), "{text}")?)
}

fn table(conditions: &Conditions, compared: &[(&Pair, Comparison)]) -> String {
    let mut table = new_table(&["pair", "servers", "strategy", "calls/s", "CPU us a call", ""]);
    for (pair, comparison) in compared {
        let mut row = |strategy: &str, side: Side, bar: String| {
            table.add_row([
                pair.name.to_owned(),
                pair.servers.to_string(),
                strategy.to_owned(),
                format!("{:.0}", side.calls_per_second),
                format!("{:.2}", side.cpu_us),
                bar,
            ]);
        };
        row(pair.tonic, comparison.tonic, String::new());
        let met = comparison.checks.iter().all(|check| check.met);
        let bar = format!(
            "{}: calls {}, CPU {}",
            if met { "met" } else { "MISSED" },
            comparison.calls_ratio,
            comparison.cpu_ratio
        );
        row(&format!("{} (ours)", pair.ours), comparison.ours, bar);
    }
    format!("{conditions}\n{table}")
}
