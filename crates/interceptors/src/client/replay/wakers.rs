use std::task::Waker;

/// Who waits for a body.
///
/// Wakers are woken under the lock, which keeps the list in place: it is used once a message. What they lock themselves belongs to a layer
/// below, and no layer below wakes one above.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    /// The attempts that wait for the source, by number.
    attempts: Vec<Option<Waker>>,
    /// The call, which has to know when an attempt is chosen.
    call: Option<Waker>,
}

impl Wakers {
    pub(super) fn wait(&mut self, attempt: usize, waker: &Waker) {
        if self.attempts.len() <= attempt {
            self.attempts.resize(attempt + 1, None);
        }
        keep(&mut self.attempts[attempt], waker);
    }

    pub(super) fn watch(&mut self, waker: &Waker) {
        keep(&mut self.call, waker);
    }

    /// Wakes the attempts, because the source may have more.
    pub(super) fn wake_attempts(&mut self) {
        self.attempts.iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }

    /// Wakes the attempts beside `reader`, which has just read something for them too.
    pub(super) fn wake_others(&mut self, reader: usize) {
        let others = self.attempts.iter_mut().enumerate().filter(|(number, _)| *number != reader);
        others.filter_map(|(_, waker)| waker.take()).for_each(Waker::wake);
    }

    /// Wakes everybody, because an attempt was chosen.
    pub(super) fn wake_all(&mut self) {
        self.wake_attempts();
        self.call.take().into_iter().for_each(Waker::wake);
    }
}

fn keep(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(kept) => kept.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
