//! Traces.

mod context;
mod event;

pub use context::{SpanId, TraceContext, TraceId};
pub(crate) use event::Events;
pub use event::{Event, EventKind};
