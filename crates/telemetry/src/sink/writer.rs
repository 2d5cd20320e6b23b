//! The thread that writes.

use std::io::{ErrorKind, Write};
use std::thread;
use std::time::Duration;

use super::LogQueue;
use crate::LineStyle;

/// A buffer that has grown further than this is given back after its batch.
const KEPT_BYTES: usize = 256 * 1024;
/// When to try again where the other end wants to be asked instead of waited for.
const RETRY: Duration = Duration::from_millis(5);

/// Writes until the queue is closed and empty.
pub(super) fn run(queue: &LogQueue, mut out: impl Write, style: LineStyle, gathering: Duration) {
    let mut batch = Vec::new();
    while let Some(dropped) = queue.next_batch(&mut batch, gathering) {
        if dropped > 0 {
            batch.extend_from_slice(&style.dropped(dropped));
        }
        let written = write(queue, &mut out, &batch);
        let lost = batch[written..].iter().filter(|byte| **byte == b'\n').count();
        batch.clear();
        if batch.capacity() > KEPT_BYTES {
            batch = Vec::new();
        }
        queue.batch_done(lost as u64);
    }
}

/// Gives how much could be written: all of it, unless there is nobody or nothing left to write to.
fn write(queue: &LogQueue, out: &mut impl Write, batch: &[u8]) -> usize {
    let mut written = 0;
    while written < batch.len() {
        match out.write(&batch[written..]) {
            Ok(0) => break,
            Ok(count) => {
                written += count;
                queue.step();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares the terminal or the pipe may have made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => break,
        }
    }
    written
}
