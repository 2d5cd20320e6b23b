//! What is known of a call; it writes the line when it is dropped, whichever way the call ends.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, Uri, header};
use tokio::time::Instant;
use tonic::Code;

use crate::Peer;

#[derive(Debug)]
pub(super) struct Call {
    server: Arc<str>,
    method: Method,
    uri: Uri,
    peer: Option<Peer>,
    start: Instant,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// Neither a status nor an end was seen: whoever called has gone.
    Cancelled,
    Grpc {
        code: Code,
        message: Option<String>,
    },
    /// A gRPC answer whose status is still to come in the trailers.
    GrpcPending,
    Http {
        status: u16,
        ended: bool,
    },
}

impl Call {
    pub(super) fn new<B>(server: Arc<str>, request: &Request<B>) -> Self {
        Self {
            server,
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: request.extensions().get::<Peer>().copied(),
            start: Instant::now(),
            outcome: Outcome::Cancelled,
        }
    }

    pub(super) fn head<B>(&mut self, response: &Response<B>) {
        let grpc = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
        self.outcome = if !grpc {
            Outcome::Http { status: response.status().as_u16(), ended: false }
        } else {
            grpc_status(response.headers()).unwrap_or(Outcome::GrpcPending)
        };
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
    // Left percent-encoded: the text may come from a client, and a log line has no place for its control characters.
    let message =
        headers.get("grpc-message").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Some(Outcome::Grpc { code, message })
}

impl Drop for Call {
    fn drop(&mut self) {
        // Display of a Duration would cost more than the number, and a number can be compared by whoever reads the log.
        let duration_ms = self.start.elapsed().as_micros() as f64 / 1000.0;
        let peer = self.peer.map(|peer| tracing::field::display(peer.0));
        let (server, path) = (&*self.server, self.uri.path());
        match &self.outcome {
            Outcome::Grpc { code: Code::Ok, .. } => {
                tracing::info!(target: "access", server, method = path, peer, code = "OK", duration_ms, "invoke server");
            }
            Outcome::Grpc { code, message } => {
                let code = name(*code);
                tracing::info!(target: "access", server, method = path, peer, code, duration_ms, error = message.as_deref(), "invoke server");
            }
            Outcome::Http { status, ended: true } => {
                let method = format_args!("{} {path}", self.method);
                tracing::info!(target: "access", server, method = %method, peer, code = status, duration_ms, "invoke server");
            }
            Outcome::Cancelled | Outcome::GrpcPending | Outcome::Http { .. } => {
                tracing::info!(target: "access", server, method = path, peer, code = "CANCELLED", duration_ms, "invoke server");
            }
        }
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
