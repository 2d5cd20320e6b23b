//! The call itself; it writes the line when it is dropped, whichever way the call ends.

use http::{HeaderMap, HeaderValue, Response};
use tokio::time::Duration;
use tonic::Code;

use super::address::Address;
use super::{CallRecord, decoded};
use crate::grpc_only::is_grpc;

#[derive(Debug)]
pub(super) struct Call {
    record: CallRecord,
    outcome: Outcome,
    response_bytes: u64,
}

#[derive(Debug)]
enum Outcome {
    /// Neither a status nor an end was seen: whoever called has gone.
    Cancelled,
    Grpc {
        code: Code,
        message: Option<HeaderValue>,
    },
    /// A gRPC answer whose status is still to come in the trailers.
    GrpcPending,
    Http {
        status: u16,
        ended: bool,
    },
}

impl Call {
    pub(super) fn new(record: CallRecord) -> Self {
        Self { record, outcome: Outcome::Cancelled, response_bytes: 0 }
    }

    pub(super) fn head<B>(&mut self, response: &Response<B>) {
        self.outcome = if !is_grpc(response.headers()) {
            Outcome::Http { status: response.status().as_u16(), ended: false }
        } else {
            grpc_status(response.headers()).unwrap_or(Outcome::GrpcPending)
        };
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(outcome) = grpc_status(trailers) {
            self.outcome = outcome;
        }
    }

    pub(super) fn end(&mut self) {
        if let Outcome::Http { ended, .. } = &mut self.outcome {
            *ended = true;
        }
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<Outcome> {
    let code = Code::from_bytes(headers.get("grpc-status")?.as_bytes());
    let message = if code == Code::Ok { None } else { headers.get("grpc-message").cloned() };
    Some(Outcome::Grpc { code, message })
}

/// A number, which costs less than the text of a `Duration` and can be compared by whoever reads the log.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

impl Drop for Call {
    fn drop(&mut self) {
        let record = &*self.record.0;
        let duration_ms = milliseconds(record.start.elapsed());
        let peer = record.peer.map(|peer| tracing::field::display(Address(peer.0)));
        let (server, path, identity) = (&*record.server, record.path(), record.identity());
        let (request_bytes, response_bytes) = (record.request_bytes(), self.response_bytes);
        let request_id = record.request_id();
        let (code, error) = match &self.outcome {
            Outcome::Http { status, ended: true } => {
                let method = format_args!("{} {path}", record.method);
                tracing::info!(target: "access", server, %method, peer, identity, code = status, duration_ms, request_bytes, response_bytes, request_id, "invoke server");
                return;
            }
            Outcome::Grpc { code, message } => (name(*code), message.as_ref().map(decoded)),
            Outcome::Cancelled | Outcome::GrpcPending | Outcome::Http { .. } => ("CANCELLED", None),
        };
        let error = error.as_deref();
        tracing::info!(target: "access", server, method = path, peer, identity, code, duration_ms, request_bytes, response_bytes, request_id, error, "invoke server");
    }
}

/// The name of a code as the gRPC specification writes it.
pub(crate) fn name(code: Code) -> &'static str {
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
