use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use super::Shared;
use crate::trace::{Event, EventKind, Events};

/// In the extensions of an attempt whose span is exported: where the channel says what it does with the attempt.
#[derive(Clone, Debug, Default)]
pub struct AttemptNotes(Arc<Notes>);

#[derive(Debug, Default)]
struct Notes {
    endpoint: OnceLock<Box<str>>,
    events: Events,
    /// What the attempt is one of; none where nobody traces it.
    call: Option<Arc<Shared>>,
}

impl AttemptNotes {
    pub(super) fn of(call: Arc<Shared>) -> Self {
        Self(Arc::new(Notes { call: Some(call), ..Notes::default() }))
    }

    /// The channel's name was not resolved yet, and is now. It is told of the call, as no endpoint was chosen for the attempt by then.
    pub fn resolved_late(&self) {
        if let Some(call) = &self.0.call {
            call.events.add(Event::now(EventKind::ResolvedLate));
        }
    }

    /// The channel has picked an endpoint; `waited`: not at once. The first one stands for the attempt.
    pub fn picked(&self, endpoint: impl Display, waited: bool) {
        self.0.endpoint.get_or_init(|| endpoint.to_string().into());
        if waited {
            self.0.events.add(Event::now(EventKind::PickedLate));
        }
    }

    /// Something has happened that is worth an event.
    pub fn note(&self, what: &'static str) {
        self.0.events.add(Event::now(EventKind::Note(what)));
    }

    /// The endpoint that was picked, if there was one yet.
    pub fn endpoint(&self) -> Option<Box<str>> {
        self.0.endpoint.get().cloned()
    }

    pub(super) fn take_events(&self) -> Vec<Event> {
        self.0.events.take()
    }
}
