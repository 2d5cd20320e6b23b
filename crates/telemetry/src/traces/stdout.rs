//! Spans as lines of JSON on standard output.

use std::io::{self, Write};

use serde_json::{Map, json};

use super::otlp::nanoseconds;
use super::view::{SpanStatus, SpanView, Value};

/// Writes a span as a line.
pub(super) fn write(out: &mut impl Write, view: &SpanView<'_>) -> io::Result<()> {
    let events: Vec<_> = view
        .events
        .iter()
        .map(|event| {
            let (time, attributes) = (nanoseconds(event.time), attributes(&event.attributes));
            json!({ "name": event.name, "time_unix_nano": time, "attributes": attributes })
        })
        .collect();
    let (status, description) = match &view.status {
        SpanStatus::Unset => ("UNSET", None),
        SpanStatus::Ok => ("OK", None),
        SpanStatus::Error(description) => ("ERROR", Some(description)),
    };
    let line = json!({
        "service": view.service,
        "name": view.name,
        "trace_id": format!("{:032x}", view.trace_id),
        "span_id": format!("{:016x}", view.span_id),
        "parent_span_id": view.parent.map(|parent| format!("{parent:016x}")),
        "kind": format!("{:?}", view.kind),
        "start_time_unix_nano": nanoseconds(view.start),
        "end_time_unix_nano": nanoseconds(view.end),
        "status": status,
        "description": description,
        "attributes": attributes(&view.attributes),
        "events": events,
    });
    writeln!(out, "{line}")
}

fn attributes(attributes: &[(&'static str, Value<'_>)]) -> Map<String, serde_json::Value> {
    let value = |value: &Value<'_>| match value {
        Value::Text(text) => json!(text),
        Value::Int(number) => json!(number),
        Value::Number(number) => json!(number),
        Value::Bool(yes) => json!(yes),
    };
    attributes.iter().map(|(key, of)| ((*key).to_owned(), value(of))).collect()
}
