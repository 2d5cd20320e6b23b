use bytes::Buf;
use http::response::Parts;

use super::Ending;

/// Is told how one call ends.
pub trait Watcher {
    /// The head of the response has come. Not called when the call fails without one.
    fn head(&mut self, head: &Parts) {
        let _ = head;
    }

    /// A part of the response has come.
    fn data(&mut self, data: &impl Buf) {
        let _ = data;
    }

    /// The call is over.
    fn ended(self, ending: Ending<'_>);
}

/// A watcher that is told of the end even when nobody else is.
#[derive(Debug)]
pub(super) struct Watched<W: Watcher>(pub(super) Option<W>);

impl<W: Watcher> Watched<W> {
    pub(super) fn ended(&mut self, ending: Ending<'_>) {
        if let Some(watcher) = self.0.take() {
            watcher.ended(ending);
        }
    }
}

impl<W: Watcher> Drop for Watched<W> {
    fn drop(&mut self) {
        self.ended(Ending::Dropped);
    }
}
