//! Where a thread makes its lines.

use std::cell::RefCell;

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
    static BUFFER: RefCell<Buffer> = RefCell::default();
}

impl Buffer {
    /// Gives `work` the empty buffer of this thread.
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut work = Some(work);
        let done = BUFFER.try_with(|buffer| {
            let mut buffer = buffer.try_borrow_mut().ok()?;
            buffer.bytes.clear();
            let result = work.take()?(&mut buffer);
            if buffer.bytes.capacity() > KEPT_BYTES {
                buffer.bytes = Vec::new();
            }
            Some(result)
        });
        match (done, work) {
            (Ok(Some(result)), _) => result,
            // The value of a field logs something while it is formatted, or the thread is at its end and its buffer is gone.
            (_, Some(work)) => work(&mut Self::default()),
            (_, None) => unreachable!("the work is only taken to be done"),
        }
    }

    /// The line so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
