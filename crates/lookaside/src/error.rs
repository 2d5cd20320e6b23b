//! What a call to the look-aside balancer can end with.

use tonic::{Code, Status};
use wayside_chassis::{StatusBuilder, Violations};

use crate::KeyError;
use crate::source::Full;

/// The domain of the reasons.
const DOMAIN: &str = "lookaside.v1";

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A field has a value that it cannot have.
    #[error("field {0}: {1}")]
    Field(&'static str, String),
    /// No source knows the service.
    #[error("no source knows the service: {0}")]
    Unknown(String),
    /// The service has no endpoint, or its sources fail.
    #[error("the service has no endpoint: {0}")]
    Empty(String),
    /// Nothing is known of the service yet.
    #[error("no source has answered yet")]
    NoAnswer,
    /// The bound on services is reached, and all of them are watched.
    #[error("as many services are watched as there is place for (--lookaside-max-services)")]
    TooManyServices,
    /// The bound on registered endpoints is reached.
    #[error(transparent)]
    Full(#[from] Full),
    /// Somebody wants to register who may not.
    #[error(
        "only callers on this machine may register, unless the balancer has a token (--lookaside-register-token-file) or keys (--jwt-keys)"
    )]
    NotLocal,
    /// The token for registering is missing or wrong.
    #[error("registering needs the token of --lookaside-register-token-file")]
    WrongToken,
    /// A lease has ended.
    #[error("no message has come within the lease")]
    LeaseEnded,
    /// The server stops.
    #[error("this replica of the balancer stops; ask another one")]
    Stopping,
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::Field(error.field, error.problem.to_owned())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = match &error {
            Error::Field(field, problem) => {
                let mut violations = Violations::default();
                violations.add(field, problem);
                return violations.into_status();
            }
            Error::Unknown(_) => (Code::NotFound, "SERVICE_UNKNOWN"),
            Error::Empty(_) => (Code::Unavailable, "NO_ENDPOINT"),
            Error::NoAnswer => (Code::Unavailable, "NO_ANSWER"),
            Error::TooManyServices => (Code::ResourceExhausted, "TOO_MANY_SERVICES"),
            Error::Full(_) => (Code::ResourceExhausted, "TOO_MANY_ENDPOINTS"),
            Error::NotLocal => (Code::PermissionDenied, "NOT_LOCAL"),
            Error::WrongToken => (Code::Unauthenticated, "WRONG_TOKEN"),
            Error::LeaseEnded => (Code::DeadlineExceeded, "LEASE_ENDED"),
            Error::Stopping => (Code::Unavailable, "STOPPING"),
        };
        StatusBuilder::new(code, error).reason(reason, DOMAIN).build()
    }
}
