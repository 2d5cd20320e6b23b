//! The standard input of a child of the lab.

use std::io::{BufRead, stdin};

use tokio::sync::mpsc;

/// Lines that may wait to be read; the lab sends a handful in all.
const WAITING: usize = 16;

/// The lines of standard input. Their end says that the lab is gone: whoever reads them ends then, so that no child outlives it.
///
/// A thread of its own reads them, because a runtime that ends would wait for tokio's standard input until the next line.
pub(crate) fn orders() -> mpsc::Receiver<String> {
    let (sender, orders) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        for line in stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    orders
}
