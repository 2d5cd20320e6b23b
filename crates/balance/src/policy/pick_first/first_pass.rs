//! The first pass over an address list, "happy eyeballs": one address after the other, without waiting long for any. Source: gRFC A61.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::address_list::AddressList;
use super::attempts::{Attempts, Progress};
use crate::policy::Controller;

/// How long an attempt may take before the next address is tried beside it: the Connection Attempt Delay of RFC 8305 section 5. gRFC A61 lets
/// others choose it between 100 ms and 2 s.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Where the pass stands.
#[derive(Debug)]
pub(super) struct FirstPass {
    /// The turn that was tried last; the length of the list when that one has failed too.
    turn: usize,
    /// When the next is tried, whatever has become of this one by then.
    next_at: Option<Instant>,
    /// How many addresses have failed at least once.
    failed: usize,
    /// The last reason.
    failure: Option<Arc<str>>,
    /// Whether an attempt has failed since the pass began; one that is still in backoff from before has not.
    news: bool,
    /// Whether TRANSIENT_FAILURE was reported before and stays until READY. Source: gRFC A62.
    pub(super) sticky: bool,
}

/// How a pass ends if no address is READY.
pub(super) struct AllFailed {
    pub(super) failure: Option<Arc<str>>,
    /// Whether the list of addresses may be out of date. Not if every address was still in backoff: the list has only just come, and asking again
    /// at once would go on for as long as the resolver's order changes.
    pub(super) resolve: bool,
}

impl FirstPass {
    pub(super) fn new(sticky: bool, attempts: &mut Attempts) -> Self {
        for attempt in attempts.iter_mut() {
            attempt.failed = false;
        }
        Self { turn: 0, next_at: None, failed: 0, failure: None, news: false, sticky }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// The delay has passed: goes on to the next address beside the attempts that are under way.
    pub(super) fn next_turn(&mut self) {
        self.turn += 1;
    }

    /// Tries the address whose turn it is, or the first after it that is not in backoff.
    pub(super) fn go_on(
        &mut self,
        list: &AddressList,
        attempts: &mut Attempts,
        controller: &mut dyn Controller,
    ) {
        self.next_at = None;
        while self.turn < list.len() {
            let attempt = attempts.make(self.turn, list, controller);
            if let Progress::Backoff(why) = &attempt.progress {
                self.failure = Some(why.clone());
                self.failed += usize::from(!std::mem::replace(&mut attempt.failed, true));
                self.turn += 1;
                continue;
            }
            attempt.connect();
            // Behind the last there is nobody to try.
            self.next_at = (self.turn + 1 < list.len()).then(|| Instant::now() + ATTEMPT_DELAY);
            return;
        }
    }

    /// The attempt of that turn has failed. Returns whether it is the one that the pass waits for: the next may be tried at once.
    pub(super) fn attempt_failed(
        &mut self,
        turn: usize,
        why: Arc<str>,
        attempts: &mut Attempts,
    ) -> bool {
        self.failure = Some(why);
        self.news = true;
        if let Some(attempt) = attempts.get_mut(turn) {
            self.failed += usize::from(!std::mem::replace(&mut attempt.failed, true));
        }
        let waited_for = turn == self.turn;
        self.turn += usize::from(waited_for);
        waited_for
    }

    /// How the pass has ended, when every address was tried and has failed.
    pub(super) fn all_failed(&mut self, list: &AddressList) -> Option<AllFailed> {
        (self.turn >= list.len() && self.failed >= list.len())
            .then(|| AllFailed { failure: self.failure.take(), resolve: self.news })
    }
}
