//! Where a thread makes its lines.

use std::cell::Cell;

use super::timestamp::Clock;

/// A buffer that has grown further than this is given back after its line.
const KEPT_BYTES: usize = 16 * 1024;

/// A line in the making.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(super) bytes: Vec<u8>,
    pub(super) clock: Clock,
}

thread_local! {
    static BUFFER: Cell<Buffer> = Cell::default();
}

impl Buffer {
    /// Gives `work` an empty buffer: that of this thread, or a new one if a value logs something while it is formatted itself, or
    /// if the thread is at its end.
    pub(super) fn with(work: impl FnOnce(&mut Self)) {
        let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
        work(&mut buffer);
        buffer.bytes.clear();
        if buffer.bytes.capacity() <= KEPT_BYTES {
            // At the end of the thread there is nothing to keep it for.
            let _ = BUFFER.try_with(|kept| kept.set(buffer));
        }
    }

    /// The line so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
