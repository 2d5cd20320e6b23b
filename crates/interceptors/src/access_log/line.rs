//! The observer that writes the line.

use http::request::Parts;
use tokio::time::Duration;
use tonic::Code;

use super::address::Address;
use super::decoded;
use crate::observe::{CallRecord, End, ObservedCall, Observer, Outcome};

/// Logs every call of a server. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessLog;

/// The call whose line is to be written; all that is known of it is in its record.
#[derive(Debug)]
pub struct Line(());

impl Observer for AccessLog {
    type Call = Line;

    fn is_on(&self) -> bool {
        tracing::enabled!(target: "access", tracing::Level::INFO)
    }

    fn start(&self, _: &CallRecord, _: &mut Parts) -> Option<Line> {
        Some(Line(()))
    }
}

impl ObservedCall for Line {
    fn ended(self, record: &CallRecord, end: &End<'_>) {
        let duration_ms = milliseconds(end.duration);
        let peer = record.peer().map(|peer| tracing::field::display(Address(peer.0)));
        let (server, path, identity) = (&**record.server(), record.path(), record.identity());
        let (request_bytes, response_bytes) = (record.received().bytes, end.sent.bytes);
        let request_id = record.request_id();
        let trace_id = record.trace().map(|trace| tracing::field::display(trace.trace_id()));
        let (code, error) = match end.outcome {
            Outcome::Http(status) => {
                let (method, code) = (format_args!("{} {path}", record.method()), status.as_u16());
                tracing::info!(target: "access", server, %method, peer, identity, code, duration_ms, request_bytes, response_bytes, request_id, trace_id, "invoke server");
                return;
            }
            Outcome::Grpc { code, message } => (name(*code), message.as_ref().map(decoded)),
            Outcome::Cancelled => ("CANCELLED", None),
        };
        let error = error.as_deref();
        tracing::info!(target: "access", server, method = path, peer, identity, code, duration_ms, request_bytes, response_bytes, request_id, trace_id, error, "invoke server");
    }
}

/// A number, which costs less than the text of a `Duration` and can be compared by whoever reads the log.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// The name of a code as the gRPC specification writes it.
pub fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
