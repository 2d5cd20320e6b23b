//! The spans of calls that are made: `Sent.` for the call, and `Attempt.` for each attempt of it. Source: gRFC A72.
//!
//! A call is made within the span that is in its extensions as [`TraceContext`], as a handler's context puts it there; without one it begins a trace.
//! [`TraceSent`] observes the whole call, [`TraceAttempts`] each attempt inside of the retry layer: it writes `traceparent`, so that the server's span is part of
//! the attempt that has reached it, and puts an [`AttemptNotes`] into the extensions of the attempt, for a channel to say where it went. The call's span has an event for
//! every retry and hedge; an attempt's has one for each message, and for what a server says of coming back.
//!
//! A call that is not sampled costs the headers in which that is said.
//!
//! ```
//! # use std::sync::Arc;
//! use tower::ServiceBuilder;
//! use wayside_interceptors::client::observe::ObserveLayer;
//! use wayside_interceptors::client::retry::RetryLayer;
//! use wayside_interceptors::client::trace::{TraceAttempts, TraceSent};
//! # use wayside_interceptors::trace::{Sampler, Span, SpanSink, Tracer};
//! # struct Forget;
//! # impl SpanSink for Forget { fn finished(&self, _: Span) {} }
//! # let sink: Arc<dyn SpanSink> = Arc::new(Forget);
//! # let tracer = Tracer::new("movies", Sampler::ratio(1.0)?, sink);
//! # let channel = tonic::service::Routes::default();
//! # let retry = RetryLayer::new(|_: &str| None);
//!
//! let service = ServiceBuilder::new()
//!     .layer(ObserveLayer::new(TraceSent::new(tracer.clone())))
//!     .layer(retry)
//!     .layer(ObserveLayer::new(TraceAttempts::new(tracer)))
//!     .service(channel);
//! # Ok::<(), wayside_interceptors::trace::InvalidRatio>(())
//! ```

mod attempt;
mod notes;
mod sent;
#[cfg(test)]
mod tests;

pub use attempt::{AttemptSpan, TraceAttempts};
pub use notes::AttemptNotes;
pub use sent::{SentSpan, TraceSent};

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use http::Extensions;
use tonic::Code;

use super::logging::error_text;
use super::observe::Ending;
use crate::trace::{Event, EventKind, Events, SpanStatus, TraceContext};

/// In the extensions of a call that is sampled: its span, for its attempts.
#[derive(Clone, Debug)]
struct SampledCall(Arc<Shared>);

/// What a call and its attempts share.
#[derive(Debug)]
struct Shared {
    context: TraceContext,
    events: Events,
    /// Attempts under way: one that is sent beside others is a hedge.
    running: AtomicU32,
}

/// Adds an event to the span of the call with these extensions, if it has one.
pub(crate) fn note(extensions: &Extensions, what: &'static str) {
    if let Some(SampledCall(call)) = extensions.get() {
        call.events.add(Event::now(EventKind::Note(what)));
    }
}

fn status(ending: &Ending<'_>) -> SpanStatus {
    let code = ending.code();
    if code == Code::Ok {
        return SpanStatus::grpc(code, None);
    }
    SpanStatus::grpc(code, error_text(ending).as_deref())
}
