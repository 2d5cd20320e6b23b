use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline, and the timer for it, which is made when something has to be waited for: a call that is answered at once needs none. Boxed because it moves
/// on from the future into the body.
#[derive(Debug)]
pub(super) struct Timer {
    deadline: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    /// How many times in a row nothing had to be waited for.
    at_once: u8,
}

/// How often nothing may have to be waited for until the clock is read, which takes longer than most of what is done in between.
const LOOK_EVERY: u8 = 16;

impl Timer {
    pub(super) fn new(deadline: Instant) -> Self {
        Self { deadline, sleep: None, at_once: 0 }
    }

    /// Whether time is up, for work that goes on without waiting: looked at every 16th time.
    pub(super) fn is_over(&mut self) -> bool {
        self.at_once = (self.at_once + 1) % LOOK_EVERY;
        self.at_once == 0 && Instant::now() >= self.deadline
    }

    /// Has the task woken when time is up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(cx)
    }
}
