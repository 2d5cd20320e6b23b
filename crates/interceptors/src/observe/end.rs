//! How a call ended.

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Duration;
use tonic::Code;

use super::Traffic;
use crate::header_names::{GRPC_MESSAGE, GRPC_STATUS};

/// How a call ended, after how long, and what was sent.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// What became of the call.
    pub outcome: &'a Outcome,
    /// The time from the head of the request to the end of the response.
    pub duration: Duration,
    /// What was handed to the connection.
    pub sent: Traffic,
}

impl End<'_> {
    /// The code of a gRPC call, a cancelled one included; `None` for an answer that is not gRPC.
    pub fn code(&self) -> Option<Code> {
        match self.outcome {
            Outcome::Grpc { code, .. } => Some(*code),
            Outcome::Http(_) => None,
            Outcome::Cancelled => Some(Code::Cancelled),
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A status of gRPC was sent.
    Grpc {
        /// Its code.
        code: Code,
        /// Its `grpc-message` as it was sent, if it is an error that has one.
        message: Option<HeaderValue>,
    },
    /// An answer that is not gRPC was sent to its end.
    Http(StatusCode),
    /// Neither a status nor an end was sent: whoever called has gone.
    Cancelled,
}

/// What is known so far of how a call ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// There is no head, or a gRPC answer whose status is still to come in the trailers.
    Open,
    /// An answer that is not gRPC, which has not been sent to its end.
    OpenHttp(StatusCode),
    Over(Outcome),
}

impl Ending {
    /// What is known when the head is there; `grpc`: the response is one of gRPC.
    pub(super) fn of_head(status: StatusCode, headers: &HeaderMap, grpc: bool) -> Self {
        if !grpc {
            return Self::OpenHttp(status);
        }
        // Most heads have two or three names and no status: going through them takes less than looking for one.
        if !headers.keys().any(|name| *name == GRPC_STATUS) {
            return Self::Open;
        }
        grpc_status(headers).map_or(Self::Open, Self::Over)
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(outcome) = grpc_status(trailers) {
            *self = Self::Over(outcome);
        }
    }

    /// The body has been sent to its end.
    pub(super) fn end_of_body(&mut self) {
        if let Self::OpenHttp(status) = *self {
            *self = Self::Over(Outcome::Http(status));
        }
    }

    pub(super) fn outcome(&self) -> &Outcome {
        match self {
            Self::Over(outcome) => outcome,
            Self::Open | Self::OpenHttp(_) => &Outcome::Cancelled,
        }
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<Outcome> {
    let code = Code::from_bytes(headers.get(&GRPC_STATUS)?.as_bytes());
    let message = if code == Code::Ok { None } else { headers.get(&GRPC_MESSAGE).cloned() };
    Some(Outcome::Grpc { code, message })
}
