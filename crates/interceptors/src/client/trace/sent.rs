use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use http::{request, response};
use tokio::time::Instant;

use super::{SampledCall, Shared, status};
use crate::client::head::{deadline_of, previous_attempts};
use crate::client::observe::{Ending, ObservedCall, Observer, OutgoingCall};
use crate::client::retry::Attempts;
use crate::observe::Traffic;
use crate::trace::propagation::{extract, inject};
use crate::trace::{Events, Role, Span, SpanId, TraceContext, Tracer, left, time_of_day};

/// Makes a span of every call that is sampled. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct TraceSent {
    tracer: Tracer,
}

impl TraceSent {
    /// Makes spans by `tracer`.
    pub fn new(tracer: Tracer) -> Self {
        Self { tracer }
    }
}

/// A call that is made, and its span until it is over.
#[derive(Debug)]
pub struct SentSpan {
    tracer: Tracer,
    shared: Arc<Shared>,
    parent: Option<SpanId>,
    deadline: Option<Instant>,
    attempts: Option<Attempts>,
}

impl Observer for TraceSent {
    type Call = SentSpan;

    fn start(&self, call: &mut OutgoingCall, head: &mut request::Parts) -> Option<SentSpan> {
        let parent = head.extensions.remove::<TraceContext>();
        let baggage = match &parent {
            Some(parent) => parent.baggage().cloned(),
            None => extract(&head.headers).baggage,
        };
        let context = self.tracer.begin(parent.as_ref(), baggage);
        call.set_trace(context.clone());
        if !context.is_sampled() {
            inject(&context, &mut head.headers);
            return None;
        }
        let deadline = deadline_of(&head.headers, &head.extensions);
        let shared = Shared { context, events: Events::default(), running: AtomicU32::new(0) };
        let shared = Arc::new(shared);
        head.extensions.insert(SampledCall(shared.clone()));
        let parent = parent.map(|parent| parent.span_id());
        Some(SentSpan { tracer: self.tracer.clone(), shared, parent, deadline, attempts: None })
    }
}

impl ObservedCall for SentSpan {
    fn head(&mut self, _: &OutgoingCall, head: &response::Parts) {
        self.attempts = head.extensions.get().copied();
    }

    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        let duration = call.elapsed();
        let told = || {
            let previous = previous_attempts(ending.metadata()?)?;
            Some(Attempts {
                total: previous.checked_add(1)?,
                retries: previous,
                ..Attempts::default()
            })
        };
        self.tracer.finished(Span {
            service: self.tracer.service().clone(),
            context: self.shared.context.clone(),
            parent: self.parent,
            role: Role::Sent {
                path: call.path_and_query().cloned(),
                attempts: self.attempts.or_else(told),
            },
            start: call.start(),
            start_time: time_of_day(duration),
            duration,
            status: status(&ending),
            // The attempts tell of these.
            sent: Traffic::default(),
            received: Traffic::default(),
            deadline_left: self.deadline.map(|deadline| left(deadline, call.start() + duration)),
            events: self.shared.events.take(),
        });
    }
}
