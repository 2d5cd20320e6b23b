//! The observer that makes spans of calls that are served.

use http::request::Parts;
use tokio::time::{Duration, Instant};

use super::propagation::extract;
use super::{Event, EventKind, Role, Span, SpanId, SpanStatus, Tracer};
use crate::access_log::decoded;
use crate::deadline::parse_grpc_timeout;
use crate::observe::{CallRecord, End, ObservedCall, Observer, Outcome};
use crate::trace::event::add;

/// Calls of probes: a trace of each would be most of what a quiet server exports.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Makes a span of every call of a server that is sampled. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct TraceCalls {
    tracer: Tracer,
}

impl TraceCalls {
    /// Makes spans by `tracer`.
    pub fn new(tracer: Tracer) -> Self {
        Self { tracer }
    }
}

/// A call that is served, and its span until it is over.
#[derive(Debug)]
pub struct Received {
    tracer: Tracer,
    parent: Option<SpanId>,
    sampled: bool,
    deadline: Option<Instant>,
    sent: Vec<Event>,
}

impl Observer for TraceCalls {
    type Call = Received;

    fn start(&self, record: &CallRecord, head: &mut Parts) -> Option<Received> {
        let extracted = extract(&head.headers);
        if extracted.parent.is_none() && record.path().starts_with(HEALTH) {
            return None;
        }
        let context = self.tracer.begin(extracted.parent.as_ref(), extracted.baggage);
        let sampled = context.is_sampled();
        record.set_trace(context);
        let timeout = if sampled { parse_grpc_timeout(&head.headers).ok().flatten() } else { None };
        Some(Received {
            tracer: self.tracer.clone(),
            parent: extracted.parent.map(|parent| parent.span_id()),
            sampled,
            // A timeout of years is as good as none.
            deadline: timeout.and_then(|timeout| record.start().checked_add(timeout)),
            sent: Vec::new(),
        })
    }
}

impl ObservedCall for Received {
    fn sent(&mut self, _: &CallRecord, bytes: u32) {
        if self.sampled {
            add(&mut self.sent, Event::now(EventKind::Sent { bytes }));
        }
    }

    fn ended(self, record: &CallRecord, end: &End<'_>) {
        // Nothing was kept for it; what is known at the end anyway makes a span of an error that nobody above has dropped.
        let is_root = self.parent.is_none();
        let is_exported = self.sampled || is_root && is_error(end.outcome);
        if !is_exported {
            return;
        }
        let Some(context) = record.trace().cloned() else { return };
        let mut events = record.take_events();
        merge(&mut events, self.sent);
        let deadline_left =
            self.deadline.map(|deadline| left(deadline, record.start() + end.duration));
        self.tracer.finished(Span {
            service: self.tracer.service().clone(),
            context,
            parent: self.parent,
            role: Role::Received(record.clone()),
            start: record.start(),
            start_time: time_of_day(end.duration),
            duration: end.duration,
            status: status(end.outcome),
            sent: end.sent,
            received: record.received(),
            deadline_left,
            events,
        });
    }
}

fn is_error(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Grpc { code, .. } => *code != tonic::Code::Ok,
        Outcome::Http(status) => status.is_server_error(),
        Outcome::Cancelled => true,
    }
}

fn status(outcome: &Outcome) -> SpanStatus {
    match outcome {
        Outcome::Grpc { code, message } => {
            SpanStatus::grpc(*code, message.as_ref().map(decoded).as_deref())
        }
        Outcome::Http(status) => SpanStatus::Http(*status),
        Outcome::Cancelled => SpanStatus::grpc(tonic::Code::Cancelled, None),
    }
}

/// The time of day at which something began that has ended now, by a clock that nobody has set in the meantime.
pub(crate) fn time_of_day(duration: Duration) -> std::time::SystemTime {
    let now = std::time::SystemTime::now();
    now.checked_sub(duration).unwrap_or(now)
}

/// What is left of a deadline; zero once it is over.
pub(crate) fn left(deadline: Instant, now: Instant) -> Duration {
    deadline.saturating_duration_since(now)
}

/// Puts two lists of events together in the order of time.
pub(crate) fn merge(events: &mut Vec<Event>, others: Vec<Event>) {
    if events.is_empty() {
        *events = others;
    } else if !others.is_empty() {
        events.extend(others);
        events.sort_by_key(|event| event.at);
    }
}
