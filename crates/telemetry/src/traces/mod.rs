//! Spans on their way out of the process: a queue that never makes a call wait, and a thread that exports what is in it.
//!
//! Whoever ends a call puts its span into the [`SpanQueue`] as it was measured. The thread of [`start`] takes many at a time, [views](SpanView) them as OpenTelemetry
//! names things, and sends them as OTLP over a [`Transport`] or prints them as lines of JSON. When the collector is slow or gone, the queue fills, and what has no room
//! is dropped and counted; the log says so, at most once a minute.
//!
//! The bytes of OTLP are written here. The exporter of `opentelemetry-otlp` clones every span of a batch, makes a text of every name in it and then the bytes, brings a
//! second client of gRPC along, and reads the environment by itself; with it, a server that exports every call keeps 0.60 of what it does without.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use wayside_telemetry::traces::{Export, SpanKind, SpanStatus, SpanView, TraceSettings, Value, start};
//!
//! /// What was measured of a call.
//! struct Measured(SystemTime);
//!
//! impl wayside_telemetry::traces::Exported for Measured {
//!     fn view(&self) -> SpanView<'_> {
//!         SpanView {
//!             service: "greet",
//!             trace_id: 1,
//!             span_id: 2,
//!             parent: None,
//!             parent_is_remote: false,
//!             trace_state: "",
//!             name: "Recv.greet.v1.GreetService.Greet".into(),
//!             kind: SpanKind::Server,
//!             start: self.0,
//!             end: self.0 + Duration::from_millis(3),
//!             attributes: vec![("rpc.grpc.status_code", Value::Int(0))],
//!             events: Vec::new(),
//!             status: SpanStatus::Ok,
//!         }
//!     }
//! }
//!
//! let (queue, guard) = start(TraceSettings::default(), Export::Stdout)?;
//! queue.push(Measured(SystemTime::now()));
//! drop(guard); // Waits until the span is printed.
//! # Ok::<(), std::io::Error>(())
//! ```

mod exporter;
mod guard;
mod otlp;
mod queue;
mod stdout;
#[cfg(test)]
mod tests;
mod view;
mod wire;

pub use exporter::{Export, ExportError, Transport};
pub use guard::{TraceSettings, TracesGuard, start};
pub use queue::{SpanCounts, SpanQueue};
pub use view::{EventView, Exported, SpanKind, SpanStatus, SpanView, Value};
