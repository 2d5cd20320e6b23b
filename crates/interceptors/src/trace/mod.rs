//! Traces: a span for every call that is served, and where a call is in a trace.
//!
//! Spans and events are those of gRFC A72; the name of a request that is not gRPC is its method and [route](crate::observe::CallRecord::set_route). The trace comes as W3C
//! `traceparent` and `tracestate`, with `baggage` beside it, and is handed on in the [`TraceContext`] of the call's [record](crate::observe::CallRecord::trace): whoever makes a
//! call within it puts that into the extensions of its request, where the [client's observers](crate::client::trace) find it.
//!
//! The [`Sampler`] decides before anything is built. Of a call that is not sampled nothing is kept but its ids; if it ends in an error and is the root of its trace,
//! a span is made of it nevertheless, of what is known at the end anyway. A span is over when the body is, and goes to the [`SpanSink`] as it was measured: to make names,
//! attributes and bytes of it is not the work of the call.
//!
//! Calls of health checks that belong to no trace do not begin one.
//!
//! ```
//! use std::sync::Arc;
//!
//! use tower_layer::Layer;
//! use wayside_interceptors::observe::ObserveLayer;
//! use wayside_interceptors::trace::{Sampler, Span, SpanSink, TraceCalls, Tracer};
//!
//! /// Stands for a queue to a collector.
//! struct Forget;
//!
//! impl SpanSink for Forget {
//!     fn finished(&self, span: Span) {
//!         drop(span.name());
//!     }
//! }
//!
//! # let routes = tonic::service::Routes::default();
//! let sink: Arc<dyn SpanSink> = Arc::new(Forget);
//! let tracer = Tracer::new("greet", Sampler::ratio(0.01)?.parent_based(), sink);
//! let service = ObserveLayer::new("greet", (TraceCalls::new(tracer), None::<TraceCalls>)).layer(routes);
//! # Ok::<(), wayside_interceptors::trace::InvalidRatio>(())
//! ```

mod context;
mod event;
mod observer;
pub(crate) mod propagation;
mod sampler;
mod span;
#[cfg(test)]
pub(crate) mod tests;
mod tracer;

pub use context::{SpanId, TraceContext, TraceId};
pub use event::{Event, EventKind};
pub(crate) use event::{Events, add as add_event};
pub use observer::{Received, TraceCalls};
pub(crate) use observer::{left, merge, time_of_day};
pub use sampler::{InvalidRatio, Sampler};
pub use span::{Role, Span, SpanStatus};
pub use tracer::{SpanSink, Tracer};
