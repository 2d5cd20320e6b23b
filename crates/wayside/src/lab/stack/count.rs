//! Instructions and allocations of a call, counted by valgrind: what a change of the code costs is seen on a busy machine too.

use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use tokio::time::Duration;
use tokio::try_join;

use super::everything::Everything;
use super::rows::{ROWS, Row};
use super::run::spec;
use crate::lab::args::StackArgs;
use crate::lab::progress::Progress;
use crate::lab::protocol::Amount;
use crate::lab::stage::{Client, Cores, Server, ServerPlan};

/// Calls in a short run and in a long one. The difference of both leaves out what is done once.
const FEW: u64 = 1_000;
const MANY: u64 = 6_000;
/// What a row takes on a quiet machine.
const ROW_TIME: Duration = Duration::from_secs(30);

/// A tool of valgrind that counts.
#[derive(Clone, Copy, Debug)]
struct Tool {
    command: &'static [&'static str],
    /// Stands right before the number in what it says at the end.
    label: &'static str,
}

const INSTRUCTIONS: Tool = Tool {
    command: &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
    label: "Collected : ",
};
const ALLOCATIONS: Tool = Tool {
    command: &["valgrind", "--tool=dhat", "--dhat-out-file=/dev/null"],
    label: " bytes in ",
};

/// Counts for every row, and prints a line for each.
///
/// # Errors
/// When valgrind is not there, or something else cannot be counted.
pub(super) async fn count(
    everything: &Everything,
    cores: Option<Cores>,
    args: &StackArgs,
) -> Result<()> {
    let mut progress = Progress::new(ROW_TIME * ROWS.len() as u32);
    // Spans are exported when time has passed, so they are in no difference of two runs.
    for row in ROWS.iter().filter(|row| row.traces.is_none()) {
        let counting = async {
            try_join!(
                total((row, everything), INSTRUCTIONS, FEW, cores, args),
                total((row, everything), INSTRUCTIONS, MANY, cores, args),
                total((row, everything), ALLOCATIONS, FEW, cores, args),
                total((row, everything), ALLOCATIONS, MANY, cores, args),
            )
        };
        let counted = progress.during(row.name, ROW_TIME, counting).await?;
        let calls = ((calls(MANY, args) - calls(FEW, args)) * workers(args)) as f64;
        let each = |few: u64, many: u64| (many.saturating_sub(few) as f64 / calls).round();
        let (instructions, allocations) = (each(counted.0, counted.1), each(counted.2, counted.3));
        progress.print(&format!("{} {instructions} {allocations}\n", row.name))?;
    }
    Ok(stdout().lock().flush()?)
}

fn workers(args: &StackArgs) -> u64 {
    u64::from(args.connections * args.streams)
}

/// What a worker has to do for so many calls of all.
fn calls(of_all: u64, args: &StackArgs) -> u64 {
    of_all.div_ceil(workers(args))
}

/// All that a tool counts in a server that answers so many calls.
async fn total(
    (row, everything): (&Row, &Everything),
    tool: Tool,
    of_all: u64,
    cores: Option<Cores>,
    args: &StackArgs,
) -> Result<u64> {
    let core = cores.map(|cores| cores.server);
    let plan = ServerPlan { core, watcher: tool.command, ..row.plan(everything, "") };
    let mut server = Server::start(&plan, 0, Duration::ZERO).await?;
    let spec = spec(&server, everything, args);
    let core = cores.map(|cores| cores.client);
    let started = Client::start(row.name, &spec, Path::new(""), core).await?;
    let mut client = started.map_err(|why| anyhow::anyhow!("the client cannot run: {why}"))?;
    client
        .measure(Amount::Calls(calls(of_all, args)))
        .await
        .with_context(|| row.name.to_owned())?;
    drop(client);
    server.stop().await?;
    let words = server.last_words().await;
    number_after(tool.label, &words).with_context(|| format!("valgrind counted nothing:{words}"))
}

/// The first number right behind a text; its thousands may be told apart by commas.
fn number_after(label: &str, text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(label)?;
    let end = rest.find(|character: char| !(character.is_ascii_digit() || character == ','))?;
    rest[..end].replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_what_valgrind_says() {
        let callgrind = "==7== Events    : Ir\n==7== Collected : 1502345\n==7== \n";
        let dhat = "==7== Total:     1,234,567 bytes in 12,345 blocks\n==7== At t-gmax: 1 bytes in 2 blocks\n";
        assert_eq!(number_after(INSTRUCTIONS.label, callgrind), Some(1_502_345));
        assert_eq!(number_after(ALLOCATIONS.label, dhat), Some(12_345));
        assert_eq!(number_after(ALLOCATIONS.label, callgrind), None);
    }
}
