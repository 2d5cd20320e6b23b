//! Running what was asked for.

use std::io::{Write, stdout};

use anyhow::{Result, bail};
use tokio::runtime::Runtime;
use wayside_chassis::{Interrupted, run_until_signal};

use super::DemoArgs;
use super::args::Choice;
use super::list::{DEMOS, Demo, overview};
use super::stage::Stage;

/// Runs a demonstration or all of them, or lists them.
///
/// # Errors
/// When something was not as expected, or a signal came.
pub(crate) fn demo(args: &DemoArgs) -> Result<Result<(), Interrupted>> {
    let Some(choice) = args.name else {
        stdout().lock().write_all(overview().as_bytes())?;
        return Ok(Ok(()));
    };
    let work = async {
        match choice {
            Choice::One(demo) => perform(demo).await,
            Choice::All => perform_all().await,
        }
    };
    Runtime::new()?
        .block_on(run_until_signal(|stop| async move {
            tokio::select! {
                done = work => done,
                () = stop.cancelled() => bail!("stopped by a signal before it was done"),
            }
        }))?
        .map_or_else(|interrupted| Ok(Err(interrupted)), |done| done.map(Ok))
}

async fn perform(demo: &Demo) -> Result<()> {
    let mut stage = Stage::open(demo.name, demo.about)?;
    (demo.run)(&mut stage).await
}

/// One after the other, also when one has failed, so that all that is wrong is seen at once.
async fn perform_all() -> Result<()> {
    let mut failed = Vec::new();
    for demo in &DEMOS {
        if let Err(error) = perform(demo).await {
            failed.push(format!("{}: {error:#}", demo.name));
        }
        writeln!(stdout().lock())?;
    }
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n       ")) }
}
