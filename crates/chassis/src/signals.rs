//! SIGINT and SIGTERM: the first stops, the second ends at once.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A second signal came before everything had stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Runs `work` with a token that is cancelled at the first SIGINT or SIGTERM.
///
/// # Errors
/// The inner error says that a second signal came: whatever was left of `work` was dropped. The outer one, that the
/// system takes no signal handler.
pub async fn run_until_signal<F: Future>(
    work: impl FnOnce(CancellationToken) -> F,
) -> io::Result<Result<F::Output, Interrupted>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let mut work = std::pin::pin!(work(stop.clone()));
    tokio::select! {
        output = &mut work => return Ok(Ok(output)),
        () = either(&mut interrupt, &mut terminate) => stop.cancel(),
    }
    tokio::select! {
        output = &mut work => Ok(Ok(output)),
        () = either(&mut interrupt, &mut terminate) => Ok(Err(Interrupted)),
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
