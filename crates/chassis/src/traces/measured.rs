//! What a span is called, and what is said of it. Sources: gRFC A72 for names, events and the attributes of attempts; OpenTelemetry's semantic conventions for what
//! they name; the rest is ours, and begins with `wayside.`.

use std::time::SystemTime;

use http::StatusCode;
use tokio::time::{Duration, Instant};
use wayside_interceptors::observe::CallRecord;
use wayside_interceptors::trace::{Event, EventKind, Role, Span, SpanStatus};
use wayside_telemetry::traces::{
    EventView, Exported, SpanKind, SpanStatus as Status, SpanView, Value,
};

/// A span as it was measured.
#[derive(Debug)]
pub(crate) struct Measured(pub(crate) Span);

type Attributes<'a> = Vec<(&'static str, Value<'a>)>;

impl Exported for Measured {
    fn view(&self) -> SpanView<'_> {
        let span = &self.0;
        let kind = match span.role {
            Role::Received(_) => SpanKind::Server,
            Role::Sent { .. } | Role::Attempt { .. } => SpanKind::Client,
        };
        SpanView {
            service: &span.service,
            trace_id: span.context.trace_id().get(),
            span_id: span.context.span_id().get(),
            parent: span.parent.map(|parent| parent.get()),
            parent_is_remote: kind == SpanKind::Server,
            trace_state: span.context.state().and_then(|state| state.to_str().ok()).unwrap_or(""),
            name: span.name().into(),
            kind,
            start: span.start_time,
            end: span.start_time + span.duration,
            attributes: attributes(span),
            events: events(span),
            status: status(&span.status),
        }
    }
}

fn status(status: &SpanStatus) -> Status<'_> {
    match status {
        _ if !status.is_error() => match status {
            SpanStatus::Grpc { .. } => Status::Ok,
            SpanStatus::Http(_) => Status::Unset,
        },
        SpanStatus::Grpc { code, message } => {
            let name = wayside_interceptors::code_name(*code);
            Status::Error(match message {
                Some(message) => format!("{name}, {message}").into(),
                None => name.into(),
            })
        }
        SpanStatus::Http(code) => Status::Error(code.canonical_reason().unwrap_or("").into()),
    }
}

fn attributes(span: &Span) -> Attributes<'_> {
    let mut attributes = Vec::with_capacity(8);
    match &span.status {
        SpanStatus::Grpc { code, .. } => {
            attributes.push(("rpc.grpc.status_code", Value::Int(*code as i64)));
        }
        SpanStatus::Http(status) => {
            attributes.push(("http.response.status_code", int(StatusCode::as_u16(status))));
        }
    }
    match &span.role {
        Role::Received(record) => received(record, span, &mut attributes),
        Role::Sent { attempts, .. } => {
            if let Some(attempts) = attempts {
                attributes.push(("wayside.attempts", int(attempts.total)));
                attributes.push(("wayside.retries", int(attempts.retries)));
                attributes.push(("wayside.hedges", int(attempts.hedges)));
                attributes.push(("wayside.retry_delay_ms", millis(attempts.retry_delay)));
            }
        }
        Role::Attempt { previous, endpoint, .. } => {
            attributes.push(("previous-rpc-attempts", int(*previous)));
            // What the channel sends again by itself is an event of the attempt, and no attempt of its own.
            attributes.push(("transparent-retry", Value::Bool(false)));
            if let Some(endpoint) = endpoint {
                attributes.push(("network.peer.address", Value::Text((&**endpoint).into())));
            }
            sizes(span, &mut attributes);
        }
    }
    if let Some(left) = span.deadline_left {
        attributes.push(("wayside.deadline_left_ms", millis(left)));
    }
    attributes
}

fn received<'a>(record: &'a CallRecord, span: &'a Span, attributes: &mut Attributes<'a>) {
    if !record.is_grpc() {
        attributes.push(("http.request.method", Value::Text(record.method().as_str().into())));
        attributes.push(("url.path", Value::Text(record.path().into())));
        if let Some(route) = record.route() {
            attributes.push(("http.route", Value::Text(route.into())));
        }
    }
    if **record.server() != *span.service {
        attributes.push(("service.instance.id", Value::Text((&**record.server()).into())));
    }
    if let Some(peer) = record.peer() {
        attributes.push(("network.peer.address", Value::Text(peer.0.ip().to_string().into())));
        attributes.push(("network.peer.port", int(peer.0.port())));
    }
    if let Some(id) = record.request_id() {
        attributes.push(("wayside.request_id", Value::Text(id.into())));
    }
    sizes(span, attributes);
}

fn sizes(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.push(("wayside.sent_bytes", number(span.sent.bytes)));
    attributes.push(("wayside.received_bytes", number(span.received.bytes)));
}

fn events(span: &Span) -> Vec<EventView<'_>> {
    let (mut sent, mut received) = (0, 0);
    let view = |event: &Event| {
        let time = time(span.start, span.start_time, event.at);
        let (name, attributes) = match event.kind {
            EventKind::Sent { bytes } => ("Outbound message", message(&mut sent, bytes)),
            EventKind::Received { bytes } => ("Inbound message", message(&mut received, bytes)),
            EventKind::ResolvedLate => ("Delayed name resolution complete", Vec::new()),
            EventKind::PickedLate => ("Delayed LB pick complete", Vec::new()),
            EventKind::Retry { previous } => ("Retry", again(previous)),
            EventKind::Hedge { previous } => ("Hedge", again(previous)),
            EventKind::Pushback { delay: Some(delay) } => {
                ("Pushback", vec![("wayside.delay_ms", millis(delay))])
            }
            EventKind::Pushback { delay: None } => ("Pushback, never again", Vec::new()),
            EventKind::Note(what) => (what, Vec::new()),
        };
        EventView { time, name, attributes }
    };
    span.events.iter().map(view).collect()
}

/// The size is that on the wire: messages are not decompressed to be measured.
fn message(sequence: &mut i64, bytes: u32) -> Attributes<'static> {
    let number = *sequence;
    *sequence += 1;
    vec![("sequence-number", Value::Int(number)), ("message-size", int(bytes))]
}

fn again(previous: u32) -> Attributes<'static> {
    vec![("previous-rpc-attempts", int(previous))]
}

fn time(start: Instant, start_time: SystemTime, at: Instant) -> SystemTime {
    start_time + at.saturating_duration_since(start)
}

fn int(number: impl Into<i64>) -> Value<'static> {
    Value::Int(number.into())
}

fn number(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn millis(duration: Duration) -> Value<'static> {
    Value::Number(duration.as_secs_f64() * 1000.0)
}
