//! A request body that can be sent more than once, also by attempts that run at the same time.
//!
//! What the attempts of a call have read from its body is kept, each attempt reads it from the start at its own pace, and whichever needs more
//! first reads on from the source. The call is *committed* to one attempt when the head of a response has come, or when more was sent than may be kept;
//! then the others end, what the chosen attempt has read is let go, and it reads from the source without anything in between.
//! Source: gRFC A6, "When Retries are Valid" and "Memory Management".

mod attempt;
mod kept;
mod memory;
#[cfg(test)]
mod tests;
mod wakers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake};

use tonic::body::Body;

use attempt::Attempt;
use kept::Kept;
pub(crate) use memory::Limits;
use wakers::Wakers;

/// The body of a call, from which the bodies of its attempts are made. A clone is the same body.
#[derive(Clone, Debug)]
pub(crate) struct Replay(Arc<Shared>);

/// What the attempts of one call share.
#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    /// Apart from what is kept, because the source may wake while it is polled under that lock.
    wakers: Mutex<Wakers>,
}

impl Replay {
    pub(crate) fn new(source: Body, limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            kept: Mutex::new(Kept::new(source, limits.clone())),
            wakers: Mutex::default(),
        }))
    }

    /// The body of the next attempt. Attempts are numbered from 0.
    pub(crate) fn attempt(&self) -> Body {
        let number = self.0.kept().join();
        Body::new(Attempt::new(self.0.clone(), number))
    }

    /// Whether another attempt would send all that was sent so far.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.0.kept().winner().is_none()
    }

    /// Chooses the attempt that goes on. Has no effect when one was chosen before.
    pub(crate) fn commit(&self, number: usize) {
        self.0.kept().commit(number);
        self.0.wakers().wake_all();
    }

    /// An attempt has failed: whoever still reads its body is told so, and it is never chosen.
    pub(crate) fn retire(&self, number: usize) {
        self.0.kept().retire(number);
        self.0.wakers().wake_attempts();
    }

    /// The attempt that goes on, once it is chosen; until then the task is woken when that happens.
    pub(crate) fn poll_winner(&self, cx: &mut Context<'_>) -> Poll<usize> {
        // Registered first, so that a choice in between is not missed.
        self.0.wakers().watch(cx.waker());
        self.0.kept().winner().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Shared {
    // Every change is made in one step, so a panic elsewhere cannot have left half of one.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wakers(&self) -> MutexGuard<'_, Wakers> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The source wakes every attempt that waits for it: it knows one task only, and that one may be gone.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakers().wake_attempts();
    }
}
