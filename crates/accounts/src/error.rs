//! What callers are told, each with what to do about it.

use aws_lc_rs::error::Unspecified;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::account::AccountId;
use crate::store::StoreError;

/// The domain of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "wayside";

/// Why a call fails. No text contains a token, or anything that a caller has sent and that may be one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Fields of the request have values that they cannot have.
    #[error("{0}")]
    BadFields(#[from] BadFields),
    /// GetByToken found nothing.
    #[error("no account has this token")]
    UnknownToken,
    /// No account has this id.
    #[error("no account has the id {0}; ListAccounts gives every id")]
    UnknownAccount(AccountId),
    /// No account can have the id that was sent.
    #[error(
        "no account has this id: an id is acc_ and 20 lower-case letters or digits; ListAccounts gives every id"
    )]
    NotAnId,
    /// An admin token is needed.
    #[error("admin token required; send it as 'authorization: Bearer <token>'")]
    NoAdminToken,
    /// The admin token is another one.
    #[error("admin token not valid; send the one that the accounts server was started with")]
    WrongAdminToken,
    /// The caller is not on this machine.
    #[error(
        "only callers on this machine may administer accounts; to do it from elsewhere, start the accounts server with \
         --accounts-admin-token (ACCOUNTS_ADMIN_TOKEN) and send that token as 'authorization: Bearer <token>'"
    )]
    NotLocal,
    /// The system has no random bytes for a token or an id.
    #[error("the server has no random bytes to make a token of")]
    Random(#[from] Unspecified),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::BadFields(BadFields(violations)) => Self::with_error_details(
                Code::InvalidArgument,
                text,
                ErrorDetails::with_bad_request(violations),
            ),
            Error::UnknownToken => status(Code::NotFound, "TOKEN_UNKNOWN", text),
            Error::UnknownAccount(_) | Error::NotAnId => {
                status(Code::NotFound, "ACCOUNT_UNKNOWN", text)
            }
            Error::NoAdminToken => status(Code::Unauthenticated, "ADMIN_TOKEN_MISSING", text),
            Error::WrongAdminToken => status(Code::Unauthenticated, "ADMIN_TOKEN_INVALID", text),
            Error::NotLocal => status(Code::PermissionDenied, "CALLER_NOT_LOCAL", text),
            Error::Random(_) => status(Code::Internal, "NO_RANDOM_BYTES", text),
            Error::Store(StoreError::NameTaken) => status(
                Code::AlreadyExists,
                "ACCOUNT_NAME_TAKEN",
                format!("{text}; choose another name"),
            ),
            // What the database said is nothing to callers: the log is the only place for it.
            Error::Store(StoreError::Unavailable(cause)) => {
                tracing::warn!(error = %cause, "the account database does not answer");
                status(
                    Code::Unavailable,
                    "DATABASE_UNAVAILABLE",
                    "the account database does not answer; try again later",
                )
            }
            Error::Store(StoreError::Failed(cause)) => {
                tracing::error!(error = %cause, "the account database has failed");
                status(
                    Code::Internal,
                    "DATABASE_FAILED",
                    "the account database has failed; the server's log says why",
                )
            }
        }
    }
}

fn status(code: Code, reason: &str, text: impl Into<String>) -> Status {
    Status::with_error_details(code, text, ErrorDetails::with_error_info(reason, DOMAIN, []))
}

/// The fields of one request that have a value they cannot have: all of them, so that a caller mends them at once.
#[derive(Debug, Default)]
pub(crate) struct BadFields(Vec<FieldViolation>);

impl BadFields {
    /// Takes the value of a field, or remembers what is wrong with it.
    pub(crate) fn check<T>(&mut self, field: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.0.push(FieldViolation::new(field, reason))).ok()
    }
}

impl std::error::Error for BadFields {}

impl std::fmt::Display for BadFields {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}field {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_says_stays_in_the_log() {
        let cause = || sqlx::Error::Protocol("near SELECT: syntax error".to_owned());
        for (error, code) in [
            (StoreError::Failed(cause()), Code::Internal),
            (StoreError::Unavailable(cause()), Code::Unavailable),
        ] {
            let status = Status::from(Error::Store(error));
            assert_eq!(status.code(), code);
            assert!(!format!("{status:?}").contains("SELECT"), "{status:?}");
        }
    }

    #[test]
    fn every_error_that_is_no_bad_field_has_a_reason_for_programs() {
        for (error, reason) in [
            (Error::UnknownToken, "TOKEN_UNKNOWN"),
            (Error::NotAnId, "ACCOUNT_UNKNOWN"),
            (Error::NoAdminToken, "ADMIN_TOKEN_MISSING"),
            (Error::WrongAdminToken, "ADMIN_TOKEN_INVALID"),
            (Error::NotLocal, "CALLER_NOT_LOCAL"),
            (Error::Random(Unspecified), "NO_RANDOM_BYTES"),
            (Error::Store(StoreError::NameTaken), "ACCOUNT_NAME_TAKEN"),
        ] {
            let details = Status::from(error).get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "wayside"));
        }
    }
}
