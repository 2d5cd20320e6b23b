//! What is printed of it.

use std::io::{Write, stdout};

use anyhow::{Result, bail};
use serde::Serialize;

use super::compare::Compared;
use crate::lab::args::StackArgs;
use crate::lab::report::{build, new_table};

/// What the figures depend on besides the code.
#[derive(Debug, Serialize)]
pub(super) struct Circumstances {
    pub(super) build: &'static str,
    pub(super) connections: u32,
    pub(super) streams: u32,
    pub(super) rounds: u32,
    /// Where the processes are kept, or why they are not.
    pub(super) cores: String,
}

#[derive(Serialize)]
struct Document<'a> {
    conditions: &'a Circumstances,
    servers: &'a [Compared],
}

impl Circumstances {
    pub(super) fn new(args: &StackArgs, cores: String) -> Self {
        let StackArgs { connections, streams, rounds, .. } = *args;
        Self { build: build(), connections, streams, rounds, cores }
    }
}

/// Prints the comparison, for people or for programs.
pub(super) fn report(of: &Circumstances, compared: &[Compared], json: bool) -> Result<()> {
    let text = if json {
        serde_json::to_string_pretty(&Document { conditions: of, servers: compared })?
    } else {
        table(of, compared)
    };
    Ok(writeln!(stdout().lock(), "{text}")?)
}

fn table(of: &Circumstances, compared: &[Compared]) -> String {
    let heads = [
        "server",
        "CPU us a call",
        "kept",
        "of",
        "",
        "calls/s",
        "kept",
        "client's CPU us",
        "spans lost",
    ];
    let mut table = new_table(&heads);
    for row in compared {
        let bar = row.check.as_ref().map(|check| if check.met { "met" } else { "MISSED" });
        table.add_row([
            row.server.to_owned(),
            format!("{:.2}", row.middle.cpu_us),
            row.cpu_kept.to_string(),
            row.of.to_owned(),
            bar.unwrap_or_default().to_owned(),
            format!("{:.0}", row.middle.calls_per_second),
            row.calls_kept.to_string(),
            format!("{:.2}", row.middle.client_cpu_us),
            row.middle.spans_lost.map(|lost| lost.to_string()).unwrap_or_default(),
        ]);
    }
    let Circumstances { build, connections, streams, rounds, cores } = of;
    format!(
        "{build} build; {connections} connections with {streams} calls in flight each; {rounds} rounds; {cores}\n{table}"
    )
}

/// # Errors
/// When a bar is missed.
pub(super) fn verdict(compared: &[Compared]) -> Result<()> {
    let missed: Vec<_> = compared
        .iter()
        .filter_map(|row| Some((row.server, row.check.as_ref().filter(|check| !check.met)?)))
        .map(|(server, check)| format!("{server}: {}; the bar is {}", check.seen, check.bar))
        .collect();
    if !missed.is_empty() {
        bail!("{} of our bars missed:\n  {}", missed.len(), missed.join("\n  "));
    }
    Ok(())
}
