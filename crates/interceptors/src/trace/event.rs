//! What happens in the life of a span.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// The most events that a span keeps; more are counted only. Source: the default of `OTEL_SPAN_EVENT_COUNT_LIMIT`.
const MOST_EVENTS: usize = 128;

/// Something that has happened within a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What.
    pub kind: EventKind,
}

/// What has happened within a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A message was sent. Source: gRFC A72, "Outbound message".
    Sent {
        /// Its size as it was sent, without what gRPC puts in front of it.
        bytes: u32,
    },
    /// A message was received. Source: gRFC A72, "Inbound message".
    Received {
        /// Its size as it was received, without what gRPC puts in front of it.
        bytes: u32,
    },
    /// The name of the target was resolved after the call had waited for it. Source: gRFC A72, "Delayed name resolution complete".
    ResolvedLate,
    /// An endpoint was picked after the call had waited for one. Source: gRFC A72, "Delayed LB pick complete".
    PickedLate,
    /// The call failed and is sent again.
    Retry {
        /// Attempts before this one.
        previous: u32,
    },
    /// The call is sent again, beside attempts under way.
    Hedge {
        /// Attempts before this one.
        previous: u32,
    },
    /// A server has said when the call may be sent again.
    Pushback {
        /// After which time; none: never.
        delay: Option<Duration>,
    },
    /// Anything else, in words.
    Note(&'static str),
}

impl Event {
    pub(crate) fn now(kind: EventKind) -> Self {
        Self { at: Instant::now(), kind }
    }
}

/// The events of a span that several tasks tell of. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl Events {
    /// Adds an event, unless there are too many already.
    pub(crate) fn add(&self, event: Event) {
        // A push is one step, so a panic elsewhere cannot have left half of one.
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), event);
    }

    /// Everything that was added; nothing is left.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Adds an event, unless there are too many already.
pub(crate) fn add(events: &mut Vec<Event>, event: Event) {
    if events.len() < MOST_EVENTS {
        events.push(event);
    }
}
