use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of the requests is kept for further attempts.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Of one call, in bytes.
    per_call: usize,
    channel: Arc<Channel>,
}

/// What all calls of a channel keep together.
#[derive(Debug)]
struct Channel {
    used: AtomicUsize,
    limit: usize,
}

impl Limits {
    pub(crate) fn new(per_call: usize, per_channel: usize) -> Self {
        let channel = Channel { used: AtomicUsize::new(0), limit: per_channel };
        Self { per_call, channel: Arc::new(channel) }
    }

    /// Takes room for `more` bytes of a call that has `kept` so far. False: there is none, and nothing was taken.
    pub(super) fn take(&self, kept: usize, more: usize) -> bool {
        let room = |used: usize| Some(used + more).filter(|sum| *sum <= self.channel.limit);
        kept + more <= self.per_call
            && self.channel.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.channel.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What all calls of the channel keep now.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.channel.used.load(Ordering::Relaxed)
    }
}
