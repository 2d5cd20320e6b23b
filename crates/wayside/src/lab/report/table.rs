//! The report for people: a table for each fault, 120 columns wide at most.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::lab::bars::Check;
use crate::lab::experiment::{Outcome, Row};
use crate::lab::explain::wrapped;
use crate::lab::faults::Fault;
use crate::lab::figures::{Figures, Frozen, Restarts};

pub(super) const WIDTH: u16 = 120;

/// The rows of one fault, below what was done and what the bar is.
pub(crate) fn table(fault: Fault, rows: &[Row]) -> String {
    let text = fault.text();
    let header =
        ["strategy", "calls", "lost", "ms: p50 p99 max", "per s", "% by server", column(fault), ""];
    let mut table = new_table(&header);
    for at in [1, 3, 4] {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut not_run = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        match &row.outcome {
            Outcome::Ran { figures, checks } => {
                table.add_row(cells(row, figures, checks));
            }
            Outcome::Unable(why) => not_run.entry(why).or_default().push(row.strategy.name),
        }
    }
    let head = wrapped(&format!("{}: {}", fault.name(), text.done), "");
    let bar = wrapped(&format!("Bar for ours: {}.", text.bar), "");
    let not_run = not_run.into_iter().map(|(why, strategies)| {
        wrapped(&format!("Not run: {}: {why}.", strategies.join(", ")), "") + "\n"
    });
    let not_run: String = not_run.collect();
    let table = if table.row_count() > 0 { format!("{table}\n") } else { String::new() };
    format!("\n{head}\n{bar}\n{table}{not_run}")
}

/// A table in the one style of the lab.
pub(crate) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.iter().copied());
    table
}

/// What a fault's own column is called.
fn column(fault: Fault) -> &'static str {
    match fault {
        Fault::None | Fault::Refused => "",
        Fault::Sigterm | Fault::Sigkill => "back",
        Fault::Dead => "connects",
        Fault::Frozen => "noticed, p99",
        Fault::Slow => "slow",
        Fault::Scale => "new",
    }
}

fn cells(row: &Row, figures: &Figures, checks: &[Check]) -> [String; 8] {
    [
        row.strategy.name.to_owned(),
        figures.calls.to_string(),
        lost(figures),
        format!("{} {} {}", ms(figures.p50_us), ms(figures.p99_us), ms(figures.max_us)),
        format!("{:.0}", figures.calls_per_second),
        shares(figures),
        special(row.fault, figures),
        bar(checks).to_owned(),
    ]
}

/// How many, what part, and with which codes.
fn lost(figures: &Figures) -> String {
    let part = figures.lost as f64 / figures.calls.max(1) as f64 * 100.0;
    let head = format!("{} ({part:.1} %)", figures.lost);
    let mut codes = figures.lost_as.iter();
    match (codes.next(), codes.next()) {
        (None, _) => "0".to_owned(),
        (Some((code, _)), None) => format!("{head} {code}"),
        _ => {
            let each = figures.lost_as.iter().map(|(code, count)| format!("\n{count} {code}"));
            head + &each.collect::<String>()
        }
    }
}

fn ms(us: u64) -> String {
    if us < 10_000 { format!("{:.1}", us as f64 / 1e3) } else { format!("{}", us / 1000) }
}

fn shares(figures: &Figures) -> String {
    let shares: Vec<_> =
        figures.share.iter().map(|share| format!("{:.0}", share * 100.0)).collect();
    shares.join(" ")
}

fn special(fault: Fault, figures: &Figures) -> String {
    if let Some(Restarts { count, back, slowest_back_ms, .. }) = figures.restarts {
        let slowest = slowest_back_ms as f64 / 1000.0;
        return if back == 0 {
            "none".to_owned()
        } else {
            format!("{back} of {count}, {slowest:.2} s")
        };
    }
    if let Some(connects) = figures.connects {
        return connects.to_string();
    }
    if let Some(frozen) = figures.frozen {
        return noticed(frozen);
    }
    if let Some(new_after_ms) = figures.new_after_ms {
        return new_after_ms.map_or("never".to_owned(), |ms| format!("{ms} ms"));
    }
    if fault == Fault::Slow {
        return format!("{:.1} %", figures.victims_share() * 100.0);
    }
    String::new()
}

/// When the last call was lost after the freeze, and how much slower answers were from then on.
fn noticed(frozen: Frozen) -> String {
    let last = match frozen.last_loss_ms {
        0 => "none lost".to_owned(),
        ms => format!("{:.2} s", ms as f64 / 1000.0),
    };
    match frozen.p99_after_us {
        0 => format!("{last}, silent"),
        _ => format!("{last}, x{:.1}", frozen.p99_ratio()),
    }
}

/// What is missed stands below all tables, in words.
fn bar(checks: &[Check]) -> &'static str {
    match checks {
        [] => "",
        checks if checks.iter().all(|check| check.met) => "met",
        _ => "MISSED",
    }
}
