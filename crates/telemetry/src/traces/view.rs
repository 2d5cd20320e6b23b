//! A span as OpenTelemetry has it, borrowed from what was measured.

use std::borrow::Cow;
use std::time::SystemTime;

/// What can be exported as a span. It is asked on the exporter's thread.
pub trait Exported: Send + 'static {
    /// The span that it is.
    fn view(&self) -> SpanView<'_>;
}

/// A span.
#[derive(Clone, Debug)]
pub struct SpanView<'a> {
    /// `service.name`: whose span it is.
    pub service: &'a str,
    /// The id of its trace.
    pub trace_id: u128,
    /// Its id.
    pub span_id: u64,
    /// The id of the span that it is part of.
    pub parent: Option<u64>,
    /// Whether that span is one of another process.
    pub parent_is_remote: bool,
    /// `tracestate`; empty: none.
    pub trace_state: &'a str,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value<'a>)>,
    /// What has happened within it.
    pub events: Vec<EventView<'a>>,
    /// How it ended.
    pub status: SpanStatus<'a>,
}

/// Which side of a call a span is. The numbers are those of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Neither.
    Internal = 1,
    /// A call that was served.
    Server = 2,
    /// A call that was made.
    Client = 3,
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanStatus<'a> {
    /// Nobody says.
    Unset,
    /// Well.
    Ok,
    /// In an error, with a description.
    Error(Cow<'a, str>),
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number without fraction.
    Int(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Bool(bool),
}

/// Something that has happened within a span.
#[derive(Clone, Debug)]
pub struct EventView<'a> {
    /// When.
    pub time: SystemTime,
    /// What.
    pub name: &'a str,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value<'a>)>,
}
