use http::{HeaderMap, StatusCode};
use tonic::{Code, Status};

use super::BoxError;
use crate::header_names::GRPC_STATUS;

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// With a status, which came in the head of the response or in its trailers.
    Status {
        /// The code of the status.
        code: Code,
        /// The head or the trailers, with everything that came beside the code.
        metadata: &'a HeaderMap,
    },
    /// With a failure of the transport, or of a layer below.
    Failed(&'a Status),
    /// Without any status, which the specification forbids: UNKNOWN.
    Truncated,
    /// Nobody waits for it any more: CANCELLED.
    Dropped,
}

impl<'a> Ending<'a> {
    /// The code that the caller sees.
    pub fn code(&self) -> Code {
        match self {
            Self::Status { code, .. } => *code,
            Self::Failed(status) => status.code(),
            Self::Truncated => Code::Unknown,
            Self::Dropped => Code::Cancelled,
        }
    }

    /// What came beside the code.
    pub fn metadata(&self) -> Option<&'a HeaderMap> {
        match self {
            Self::Status { metadata, .. } => Some(metadata),
            Self::Failed(status) => Some(status.metadata().as_ref()),
            Self::Truncated | Self::Dropped => None,
        }
    }

    /// The end that trailers tell of.
    pub(super) fn of_trailers(trailers: &'a HeaderMap) -> Self {
        match trailers.get(&GRPC_STATUS) {
            Some(value) => {
                Self::Status { code: Code::from_bytes(value.as_bytes()), metadata: trailers }
            }
            None => Self::Truncated,
        }
    }
}

/// The code of a response that is over with its head: a Trailers-Only response, or one by something that is not a gRPC server.
/// Source: grpc/grpc `doc/http-grpc-status-mapping.md`.
pub(crate) fn head_code(status: StatusCode, headers: &HeaderMap) -> Option<Code> {
    if let Some(value) = headers.get(&GRPC_STATUS) {
        return Some(Code::from_bytes(value.as_bytes()));
    }
    match status {
        StatusCode::OK => None,
        StatusCode::BAD_REQUEST | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Some(Code::Internal)
        }
        StatusCode::UNAUTHORIZED => Some(Code::Unauthenticated),
        StatusCode::FORBIDDEN => Some(Code::PermissionDenied),
        StatusCode::NOT_FOUND => Some(Code::Unimplemented),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Some(Code::Unavailable),
        _ => Some(Code::Unknown),
    }
}

/// The status that an error of the service below is. One that is a status already stays as it is.
pub(crate) fn status_of(error: impl Into<BoxError>) -> Status {
    Status::from_error(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_ends_the_call_has_the_code_of_the_specification() {
        for (status, expected) in [
            (200, None),
            (400, Some(Code::Internal)),
            (401, Some(Code::Unauthenticated)),
            (403, Some(Code::PermissionDenied)),
            (404, Some(Code::Unimplemented)),
            (429, Some(Code::Unavailable)),
            (431, Some(Code::Internal)),
            (500, Some(Code::Unknown)),
            (502, Some(Code::Unavailable)),
            (503, Some(Code::Unavailable)),
            (504, Some(Code::Unavailable)),
            (302, Some(Code::Unknown)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(head_code(status, &HeaderMap::new()), expected, "{status}");
        }
    }

    #[test]
    fn the_status_of_grpc_wins_over_that_of_http() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", "5".parse().unwrap());
        assert_eq!(head_code(StatusCode::SERVICE_UNAVAILABLE, &headers), Some(Code::NotFound));
        assert_eq!(head_code(StatusCode::OK, &headers), Some(Code::NotFound));
    }

    #[test]
    fn a_status_passes_through_whole() {
        let mut status = Status::not_found("gone");
        status.metadata_mut().insert("k", "v".parse().unwrap());
        let same = status_of(status);
        assert_eq!((same.code(), same.message()), (Code::NotFound, "gone"));
        assert_eq!(same.metadata().get("k").unwrap(), "v");
    }
}
