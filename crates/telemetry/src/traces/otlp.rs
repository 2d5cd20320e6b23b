//! Spans as the bytes of an `ExportTraceServiceRequest`. Source: opentelemetry-proto, `trace_service.proto`, `trace.proto`, `common.proto`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::view::{EventView, SpanStatus, SpanView, Value};
use super::wire::Message;

/// The name of what has measured, as it is exported.
const SCOPE: &str = "wayside";

/// Flags of a span: the parent is known to be of another process, or known not to be.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// The flag of W3C: sampled.
const SAMPLED: u32 = 1;

const STATUS_OK: u64 = 1;
const STATUS_ERROR: u64 = 2;

/// Gathers the spans of a request by service.
#[derive(Debug)]
pub(super) struct Request {
    /// What is said of every service, beside its name.
    resource: Vec<(String, String)>,
    /// The spans of each, as the fields of a `ScopeSpans`. Kept from request to request, as their buffers are.
    services: Vec<(String, Message)>,
}

impl Request {
    pub(super) fn new(resource: Vec<(String, String)>) -> Self {
        Self { resource, services: Vec::new() }
    }

    /// Adds a span.
    pub(super) fn add(&mut self, view: &SpanView<'_>) {
        let place = self.services.iter().position(|(service, _)| service == view.service);
        let place = place.unwrap_or_else(|| {
            self.services.push((view.service.to_owned(), Message::default()));
            self.services.len() - 1
        });
        self.services[place].1.message(2, |message| span(message, view));
    }

    /// The bytes of the request. Nothing is left of it.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut request = Message::default();
        for (service, spans) in &mut self.services {
            if spans.is_empty() {
                continue;
            }
            request.message(1, |resource_spans| {
                resource_spans.message(1, |resource| {
                    attribute(resource, 1, "service.name", &Value::Text((&**service).into()));
                    for (key, value) in &self.resource {
                        attribute(resource, 1, key, &Value::Text(value.into()));
                    }
                });
                let mut scope = Message::default();
                scope.message(1, |scope| scope.length_delimited(1, SCOPE.as_bytes()));
                resource_spans.parts(2, &[scope.bytes(), spans.bytes()]);
            });
            spans.clear();
        }
        request.into_bytes()
    }
}

fn span(message: &mut Message, view: &SpanView<'_>) {
    message.length_delimited(1, &view.trace_id.to_be_bytes());
    message.length_delimited(2, &view.span_id.to_be_bytes());
    if !view.trace_state.is_empty() {
        message.length_delimited(3, view.trace_state.as_bytes());
    }
    let mut flags = SAMPLED | HAS_IS_REMOTE;
    if let Some(parent) = view.parent {
        message.length_delimited(4, &parent.to_be_bytes());
        if view.parent_is_remote {
            flags |= IS_REMOTE;
        }
    }
    message.length_delimited(5, view.name.as_bytes());
    message.varint(6, view.kind as u64);
    message.fixed64(7, nanoseconds(view.start));
    message.fixed64(8, nanoseconds(view.end));
    for (key, value) in &view.attributes {
        attribute(message, 9, key, value);
    }
    for happened in &view.events {
        message.message(11, |message| event(message, happened));
    }
    match &view.status {
        SpanStatus::Unset => {}
        SpanStatus::Ok => message.message(15, |status| status.varint(3, STATUS_OK)),
        SpanStatus::Error(description) => message.message(15, |status| {
            status.length_delimited(2, description.as_bytes());
            status.varint(3, STATUS_ERROR);
        }),
    }
    message.fixed32(16, flags);
}

fn event(message: &mut Message, view: &EventView<'_>) {
    message.fixed64(1, nanoseconds(view.time));
    message.length_delimited(2, view.name.as_bytes());
    for (key, value) in &view.attributes {
        attribute(message, 3, key, value);
    }
}

fn attribute(message: &mut Message, field: u32, key: &str, value: &Value<'_>) {
    message.message(field, |message| {
        message.length_delimited(1, key.as_bytes());
        message.message(2, |message| match value {
            Value::Text(text) => message.length_delimited(1, text.as_bytes()),
            Value::Bool(yes) => message.varint(2, u64::from(*yes)),
            // A negative number is ten bytes, as protobuf has it for int64.
            Value::Int(number) => message.varint(3, *number as u64),
            Value::Number(number) => message.fixed64(4, number.to_bits()),
        });
    });
}

/// A time before 1970 is none that a clock shows.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
