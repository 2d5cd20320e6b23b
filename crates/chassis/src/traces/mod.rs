//! From the spans that the interceptors measure to those that leave the process.

mod codec;
mod collector;
mod measured;
mod pairs;
mod sampler_name;
mod secrets;

use std::sync::Arc;

pub(crate) use collector::Collector;
pub(crate) use measured::Measured;
pub use pairs::Pairs;
pub use sampler_name::SamplerName;
pub use secrets::Secrets;
use wayside_interceptors::trace::{Span, SpanSink};
use wayside_telemetry::traces::SpanQueue;

/// Puts spans into the queue.
#[derive(Debug)]
pub(crate) struct QueueSink(pub(crate) Arc<SpanQueue<Measured>>);

impl SpanSink for QueueSink {
    fn finished(&self, span: Span) {
        self.0.push(Measured(span));
    }
}
