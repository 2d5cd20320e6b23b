//! A span that is over, as it was measured; what exports it makes names and attributes of it.

use std::sync::Arc;
use std::time::SystemTime;

use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use tokio::time::{Duration, Instant};
use tonic::Code;

use super::{Event, SpanId, TraceContext};
use crate::client::retry::Attempts;
use crate::observe::{CallRecord, Traffic};

/// A span that is over.
#[derive(Clone, Debug)]
pub struct Span {
    /// The server that was called, or whose process has called.
    pub service: Arc<str>,
    /// Its ids, and what was handed on with them.
    pub context: TraceContext,
    /// The span that it is part of; none: it is the root of its trace, as far as this process knows.
    pub parent: Option<SpanId>,
    /// What was measured.
    pub role: Role,
    /// When it began, on the clock of the process.
    pub start: Instant,
    /// When it began, as far as the time of day is known.
    pub start_time: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// How the call ended.
    pub status: SpanStatus,
    /// What was sent.
    pub sent: Traffic,
    /// What was received.
    pub received: Traffic,
    /// What was left of the deadline at the end; none: there was none that is known.
    pub deadline_left: Option<Duration>,
    /// What has happened, in the order in which it was told.
    pub events: Vec<Event>,
}

/// What a span was measured at. Source: gRFC A72.
#[derive(Clone, Debug)]
pub enum Role {
    /// A call that was served: `Recv.`, or the method and route of a request that is not gRPC.
    Received(CallRecord),
    /// A call that was made, with all its attempts: `Sent.`
    Sent {
        /// The method that was called.
        path: Option<PathAndQuery>,
        /// How it was made, if it may have been sent more than once.
        attempts: Option<Attempts>,
    },
    /// One attempt of a call that was made: `Attempt.`
    Attempt {
        /// The method that was called.
        path: Option<PathAndQuery>,
        /// Attempts before this one.
        previous: u32,
        /// Where it went, if it got that far.
        endpoint: Option<Box<str>>,
    },
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanStatus {
    /// With a status of gRPC.
    Grpc {
        /// Its code.
        code: Code,
        /// Its message, shortened.
        message: Option<Box<str>>,
    },
    /// With one of HTTP.
    Http(StatusCode),
}

/// What is kept of the message of a status, in bytes: a queue of spans must not be larger than it seems.
const MOST_MESSAGE_BYTES: usize = 512;

impl SpanStatus {
    pub(crate) fn grpc(code: Code, message: Option<&str>) -> Self {
        let message = message.filter(|message| !message.is_empty()).map(shortened);
        Self::Grpc { code, message }
    }

    /// Whether the call failed. Sources: gRFC A72, "gRPC status OK is recorded with status OK, while other gRPC statuses are marked as ERROR";
    /// OpenTelemetry's conventions for HTTP servers, by which 4xx is the caller's error.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Grpc { code, .. } => *code != Code::Ok,
            Self::Http(status) => status.is_server_error(),
        }
    }
}

fn shortened(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(MOST_MESSAGE_BYTES)].into()
}

impl Span {
    /// Its name: `Recv.greet.v1.GreetService.Greet`, or `POST /greet`. Source: gRFC A72.
    pub fn name(&self) -> String {
        let (prefix, path) = match &self.role {
            Role::Received(record) if record.is_grpc() => ("Recv", record.path()),
            Role::Received(record) => return http_name(record.method(), record.route()),
            Role::Sent { path, .. } => ("Sent", path_of(path)),
            Role::Attempt { path, .. } => ("Attempt", path_of(path)),
        };
        // A path is one of `/package.Service/Method`, and as long as it is, in any alphabet, if a caller makes one up.
        let path = &path[..path.floor_char_boundary(MOST_MESSAGE_BYTES)];
        let mut name = String::with_capacity(prefix.len() + path.len() + 1);
        name.push_str(prefix);
        if !path.starts_with('/') {
            name.push('.');
        }
        name.extend(path.chars().map(|character| if character == '/' { '.' } else { character }));
        name
    }
}

fn path_of(path: &Option<PathAndQuery>) -> &str {
    path.as_ref().map_or("", PathAndQuery::path)
}

/// Source: OpenTelemetry's conventions for HTTP servers: the method and the route, never the path, which is different for every caller.
fn http_name(method: &Method, route: Option<&str>) -> String {
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_end_is_cut_between_characters() {
        let SpanStatus::Grpc { message, .. } =
            SpanStatus::grpc(Code::Internal, Some(&"ü".repeat(300)))
        else {
            panic!("it is one of gRPC")
        };
        assert_eq!(message.unwrap().len(), 512);
        let SpanStatus::Grpc { message, .. } =
            SpanStatus::grpc(Code::Internal, Some(&format!("x{}", "ü".repeat(300))))
        else {
            panic!("it is one of gRPC")
        };
        assert_eq!(message.unwrap().len(), 511);
    }
}
