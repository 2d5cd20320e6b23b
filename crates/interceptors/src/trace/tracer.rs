//! Who begins spans, and where they go.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

use super::{Sampler, Span, SpanId, TraceContext, TraceId};

/// Takes spans that are over. It is called where calls end, so it must neither wait nor work.
pub trait SpanSink: Send + Sync + 'static {
    /// Takes a span.
    fn finished(&self, span: Span);
}

/// Begins the spans of one server or client. Cheap to clone.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    service: Arc<str>,
    sampler: Sampler,
    sink: Arc<dyn SpanSink>,
}

impl Tracer {
    /// A tracer of the spans of `service` of which `sampler` says which are given to `sink`.
    pub fn new(
        service: impl Into<Arc<str>>,
        sampler: Sampler,
        sink: impl Into<Arc<dyn SpanSink>>,
    ) -> Self {
        Self(Arc::new(Inner { service: service.into(), sampler, sink: sink.into() }))
    }

    /// The same tracer for another server of the process.
    #[must_use]
    pub fn of(&self, service: impl Into<Arc<str>>) -> Self {
        let Inner { sampler, sink, .. } = &*self.0;
        Self::new(service, *sampler, sink.clone())
    }

    pub(crate) fn service(&self) -> &Arc<str> {
        &self.0.service
    }

    /// The context of a span that begins: within `parent`, or as the root of a trace.
    pub(crate) fn begin(
        &self,
        parent: Option<&TraceContext>,
        baggage: Option<HeaderValue>,
    ) -> TraceContext {
        let trace = parent.map_or_else(TraceId::random, |parent| parent.trace);
        TraceContext {
            trace,
            span: SpanId::random(),
            sampled: self.0.sampler.samples(trace, parent),
            state: parent.and_then(|parent| parent.state.clone()),
            baggage,
        }
    }

    pub(crate) fn finished(&self, span: Span) {
        self.0.sink.finished(span);
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { service, sampler, .. } = &*self.0;
        let mut tracer = formatter.debug_struct("Tracer");
        tracer.field("service", service).field("sampler", sampler).finish_non_exhaustive()
    }
}
