//! Tells an observer how a call ended, whichever way that was: in its head, its trailers, an error, or because nobody waits for it any more.
//!
//! The layers of a client that count or log calls are an [`Observer`] each; the rest of their work is here. A call that is over is
//! reported once. Errors leave as [`tonic::Status`], so that a stack ends in a concrete error type.

mod body;
mod ending;
mod future;

pub use body::ObservedBody;
pub use ending::Ending;
pub(crate) use ending::{head_code, status_of};
pub use future::ObservedFuture;

use http::response::Parts;

/// What the layers of a stack accept as the error of the service below them; [`tonic::Status`] and that of tonic's own channel are such.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Is told about one call.
pub trait Observer {
    /// The head of the response has come. Not called when the call fails without one.
    fn head(&mut self, head: &Parts) {
        let _ = head;
    }

    /// The call is over.
    fn ended(self, ending: Ending<'_>);
}

/// An observer that is told of the end even when nobody else is.
#[derive(Debug)]
struct Watched<O: Observer>(Option<O>);

impl<O: Observer> Watched<O> {
    fn ended(&mut self, ending: Ending<'_>) {
        if let Some(observer) = self.0.take() {
            observer.ended(ending);
        }
    }
}

impl<O: Observer> Drop for Watched<O> {
    fn drop(&mut self) {
        self.ended(Ending::Dropped);
    }
}
