use std::sync::Arc;

use http::request;
use wayside_interceptors::client::observe::{Ending, ObservedCall, Observer, OutgoingCall};
use wayside_interceptors::client::trace::AttemptNotes;

use super::Recent;
use super::call::{Call, Outcome};

/// Writes down calls: stands around the retries.
#[derive(Clone, Debug)]
pub struct CallObserver {
    pub(super) recent: Recent,
    pub(super) target: Arc<str>,
}

/// Writes down the attempts of calls that are written down: stands inside of the retries.
#[derive(Clone, Copy, Debug)]
pub struct AttemptObserver;

/// A call that is written down.
#[derive(Debug)]
pub struct WrittenCall {
    call: Arc<Call>,
    recent: Recent,
}

/// An attempt that is written down.
#[derive(Debug)]
pub struct WrittenAttempt {
    call: Arc<Call>,
    number: usize,
    notes: AttemptNotes,
}

/// In the extensions of a request, from which the retry layer makes those of its attempts.
#[derive(Clone)]
struct Writing(Arc<Call>);

impl Observer for CallObserver {
    type Call = WrittenCall;

    fn start(&self, call: &mut OutgoingCall, head: &mut request::Parts) -> Option<WrittenCall> {
        if !self.recent.takes(call.start()) {
            return None;
        }
        let written = Arc::new(Call::new(self.target.clone(), call.path(), call.start()));
        head.extensions.insert(Writing(written.clone()));
        Some(WrittenCall { call: written, recent: self.recent.clone() })
    }
}

impl ObservedCall for WrittenCall {
    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        let trace_id = call.trace().map(|trace| trace.trace_id().to_string());
        self.call.ended(Outcome::of(&ending), trace_id);
        self.recent.keep(self.call);
    }
}

impl Observer for AttemptObserver {
    type Call = WrittenAttempt;

    fn start(&self, call: &mut OutgoingCall, head: &mut request::Parts) -> Option<WrittenAttempt> {
        let Writing(written) = head.extensions.get::<Writing>()?;
        let (written, number) = (written.clone(), written.attempt_began(call.start())?);
        // Those of the span, if there is one.
        let notes = head.extensions.get_or_insert_default::<AttemptNotes>().clone();
        Some(WrittenAttempt { call: written, number, notes })
    }
}

impl ObservedCall for WrittenAttempt {
    fn ended(self, _: &OutgoingCall, ending: Ending<'_>) {
        self.call.attempt_ended(self.number, Outcome::of(&ending), self.notes.endpoint());
    }
}
