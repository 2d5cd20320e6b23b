use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderMap, request};
use tokio::time::Instant;

use super::{AttemptNotes, SampledCall, Shared, status};
use crate::client::head::{deadline_of, previous_attempts};
use crate::client::observe::{Ending, ObservedCall, Observer, OutgoingCall};
use crate::client::retry::Pushback;
use crate::trace::propagation::inject;
use crate::trace::{
    Event, EventKind, Role, Span, TraceContext, Tracer, add_event, left, merge, time_of_day,
};

/// Makes a span of every attempt of a call that is sampled. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct TraceAttempts {
    tracer: Tracer,
}

impl TraceAttempts {
    /// Makes spans by `tracer`.
    pub fn new(tracer: Tracer) -> Self {
        Self { tracer }
    }
}

/// An attempt of a call that is made, and its span until it is over.
#[derive(Debug)]
pub struct AttemptSpan {
    tracer: Tracer,
    call: Arc<Shared>,
    context: TraceContext,
    previous: u32,
    deadline: Option<Instant>,
    notes: AttemptNotes,
    received: Vec<Event>,
}

impl Observer for TraceAttempts {
    type Call = AttemptSpan;

    fn start(&self, attempt: &mut OutgoingCall, head: &mut request::Parts) -> Option<AttemptSpan> {
        let SampledCall(call) = head.extensions.remove()?;
        let previous = previous_attempts(&head.headers).unwrap_or_default();
        let beside = call.running.fetch_add(1, Ordering::Relaxed);
        if previous > 0 {
            let kind = match beside {
                0 => EventKind::Retry { previous },
                _ => EventKind::Hedge { previous },
            };
            call.events.add(Event::now(kind));
        }
        let context = call.context.child();
        inject(&context, &mut head.headers);
        attempt.set_trace(context.clone());
        attempt.keep_events();
        let notes = AttemptNotes::of(call.clone());
        head.extensions.insert(notes.clone());
        let deadline = deadline_of(&head.headers, &head.extensions);
        let tracer = self.tracer.clone();
        Some(AttemptSpan { tracer, call, context, previous, deadline, notes, received: Vec::new() })
    }
}

impl ObservedCall for AttemptSpan {
    const COUNTS: bool = true;

    fn received(&mut self, _: &OutgoingCall, bytes: u32) {
        add_event(&mut self.received, Event::now(EventKind::Received { bytes }));
    }

    fn ended(self, attempt: &OutgoingCall, ending: Ending<'_>) {
        self.call.running.fetch_sub(1, Ordering::Relaxed);
        let duration = attempt.elapsed();
        let mut events = attempt.take_events();
        merge(&mut events, self.notes.take_events());
        merge(&mut events, self.received);
        if let Some(delay) = ending.metadata().and_then(pushback) {
            add_event(&mut events, Event::now(delay));
        }
        self.tracer.finished(Span {
            service: self.tracer.service().clone(),
            parent: Some(self.call.context.span_id()),
            context: self.context,
            role: Role::Attempt {
                path: attempt.path_and_query().cloned(),
                previous: self.previous,
                endpoint: self.notes.endpoint(),
            },
            start: attempt.start(),
            start_time: time_of_day(duration),
            duration,
            status: status(&ending),
            sent: attempt.sent(),
            received: attempt.received(),
            deadline_left: self.deadline.map(|deadline| left(deadline, attempt.start() + duration)),
            events,
        });
    }
}

/// What a server says of coming back, if it says something.
fn pushback(trailers: &HeaderMap) -> Option<EventKind> {
    match Pushback::of(trailers) {
        Pushback::Silent => None,
        Pushback::Never => Some(EventKind::Pushback { delay: None }),
        Pushback::After(delay) => Some(EventKind::Pushback { delay: Some(delay) }),
    }
}
