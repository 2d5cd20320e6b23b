//! The counts as observers of calls.

use http::{HeaderMap, request};
use tonic::Code;

use super::{HttpCall, HttpCalls, ServerCall, ServerCalls, Totals};
use crate::client::observe::head_code;
use crate::observe::{CallRecord, End, ObservedCall, Observer, Outcome};
use crate::trace::TraceContext;

/// The id of a trace whose spans are exported.
pub(crate) fn sampled(trace: Option<&TraceContext>) -> Option<u128> {
    trace.filter(|trace| trace.is_sampled()).map(|trace| trace.trace_id().get())
}

impl Observer for ServerCalls {
    type Call = ServerCall;

    fn start(&self, record: &CallRecord, _: &mut request::Parts) -> Option<ServerCall> {
        Some(ServerCalls::start(self, record.path()))
    }
}

impl ObservedCall for ServerCall {
    fn ended(self, record: &CallRecord, end: &End<'_>) {
        let code = match end.outcome {
            // What a gRPC client would make of it.
            Outcome::Http(status) => head_code(*status, &HeaderMap::new()).unwrap_or(Code::Unknown),
            Outcome::Grpc { code, .. } => *code,
            Outcome::Cancelled => Code::Cancelled,
        };
        let totals = Totals {
            duration: end.duration,
            sent_bytes: end.sent.message_bytes(),
            received_bytes: record.received().message_bytes(),
            trace_id: sampled(record.trace()),
        };
        self.end(code, &totals);
    }
}

impl Observer for HttpCalls {
    type Call = Self;

    fn start(&self, _: &CallRecord, _: &mut request::Parts) -> Option<Self> {
        Some(self.clone())
    }
}

impl ObservedCall for HttpCalls {
    fn ended(self, record: &CallRecord, end: &End<'_>) {
        let status = match end.outcome {
            Outcome::Http(status) => Some(*status),
            Outcome::Grpc { .. } | Outcome::Cancelled => None,
        };
        self.record(&HttpCall {
            method: record.method(),
            route: record.route(),
            status,
            duration: end.duration,
            trace_id: sampled(record.trace()),
        });
    }
}
