//! Whose turn it is.

use super::sync::{AtomicUsize, Ordering};

/// Numbers for calls, each given once and none left out.
///
/// One counter for all threads: a counter for each would not contend, but would no longer make one sequence of calls that go from thread to thread, as
/// those of a task do, and the promise that any window of calls is spread exactly would be gone.
#[derive(Debug)]
pub(crate) struct Turns(AtomicUsize);

impl Turns {
    pub(crate) fn starting_at(first: usize) -> Self {
        Self(AtomicUsize::new(first))
    }

    /// The next number.
    pub(crate) fn take(&self) -> usize {
        // Nothing else is read or written by its order.
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The next number of a lap, after which numbers begin again with 0: a multiple of what is counted, as 2^64 seldom is, so that no turn is lost or taken twice.
    pub(crate) fn take_of_lap(&self, lap: usize) -> usize {
        let turn = self.take();
        // One call alone is given this number.
        if turn == lap {
            self.0.fetch_sub(lap, Ordering::Relaxed);
        }
        turn
    }
}
