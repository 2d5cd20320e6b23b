//! Why the gateway cannot start, and why it refuses a request by itself.

use std::time::Duration;

use http::StatusCode;
use prost_reflect::MethodDescriptor;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// An annotation that cannot be served. It is found when the gateway starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{of} {reason}")]
pub(crate) struct RouteError {
    of: String,
    reason: String,
}

impl RouteError {
    pub(crate) fn new(method: &MethodDescriptor, reason: impl Into<String>) -> Self {
        Self { of: format!("method {}", method.full_name()), reason: reason.into() }
    }

    /// A page of the gateway whose path is not free.
    pub(crate) fn page(path: &str) -> Self {
        Self { of: format!("page {path}"), reason: "has the same path as a method".to_owned() }
    }
}

/// A request that the gateway refuses before any call is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// 404
    #[error("nothing is served at this path; GET /openapi.json lists what is")]
    NoRoute,
    /// 405, with the methods in `allow`.
    #[error("this path does not serve the method; it serves {allow}")]
    NoMethod { allow: String },
    /// 415
    #[error("the body has to be JSON: send the header content-type: application/json")]
    MediaType,
    /// 413
    #[error(
        "the body is larger than {limit} bytes; send less, or start the gateway with a larger --gateway-max-body"
    )]
    TooLarge { limit: usize },
    /// 408
    #[error("the body did not arrive within {} ms", limit.as_millis())]
    TooSlow { limit: Duration },
    /// 400
    #[error("the body could not be read to its end")]
    Broken,
    /// 403
    #[error("this request was made by a page of another site, which may not change anything here")]
    OtherSite,
    /// 400
    #[error("{0}")]
    Syntax(String),
    /// 400
    #[error("field {field}: {reason}")]
    Field { field: String, reason: String },
}

impl Refusal {
    pub(crate) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Field { field: field.into(), reason: reason.into() }
    }

    /// The code for gRPC, the status for HTTP, and the reason for programs. HTTP has words for what the gRPC codes do not tell apart.
    fn kind(&self) -> (Code, StatusCode, &'static str) {
        match self {
            Self::NoRoute => (Code::NotFound, StatusCode::NOT_FOUND, "NO_ROUTE"),
            Self::NoMethod { .. } => {
                (Code::Unimplemented, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
            }
            Self::MediaType => (
                Code::InvalidArgument,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "MEDIA_TYPE_NOT_SUPPORTED",
            ),
            Self::TooLarge { .. } => {
                (Code::ResourceExhausted, StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE")
            }
            Self::TooSlow { .. } => {
                (Code::DeadlineExceeded, StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW")
            }
            Self::Broken => (Code::InvalidArgument, StatusCode::BAD_REQUEST, "BODY_INCOMPLETE"),
            Self::OtherSite => {
                (Code::PermissionDenied, StatusCode::FORBIDDEN, "CROSS_SITE_REQUEST")
            }
            Self::Syntax(_) => (Code::InvalidArgument, StatusCode::BAD_REQUEST, "MALFORMED_JSON"),
            Self::Field { .. } => (Code::InvalidArgument, StatusCode::BAD_REQUEST, "INVALID_FIELD"),
        }
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        self.kind().1
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (code, _, reason) = refusal.kind();
        let mut details = ErrorDetails::with_error_info(reason, "wayside", []);
        if let Refusal::Field { field, reason } = &refusal {
            details.add_bad_request_violation(field, reason);
        }
        Self::with_error_details(code, refusal.to_string(), details)
    }
}
