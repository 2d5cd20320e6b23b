//! What callers are told, each with what to do about it.

use aws_lc_rs::error::Unspecified;
use tokio::time::Duration;
use tonic::{Code, Status};
use wayside_chassis::{StatusBuilder, Violations};

use crate::account::AccountId;
use crate::store::StoreError;

/// The domain of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "wayside";
/// When to come back to a database that does not answer: what holds it up, such as a backup, is over in seconds.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// Why a call fails. No text contains a token, or anything that a caller has sent and that may be one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Fields of the request have values that they cannot have.
    #[error("the request has fields with values that they cannot have")]
    BadFields(Violations),
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

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::BadFields(violations)
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let (code, reason) = match error {
            Error::BadFields(violations) => return violations.into_status(),
            Error::UnknownToken => (Code::NotFound, "TOKEN_UNKNOWN"),
            Error::UnknownAccount(_) | Error::NotAnId => (Code::NotFound, "ACCOUNT_UNKNOWN"),
            Error::NoAdminToken => (Code::Unauthenticated, "ADMIN_TOKEN_MISSING"),
            Error::WrongAdminToken => (Code::Unauthenticated, "ADMIN_TOKEN_INVALID"),
            Error::NotLocal => (Code::PermissionDenied, "CALLER_NOT_LOCAL"),
            Error::Random(_) => (Code::Internal, "NO_RANDOM_BYTES"),
            Error::Store(error) => return of_the_store(error).build(),
        };
        StatusBuilder::new(code, text).reason(reason, DOMAIN).build()
    }
}

/// What the database said is nothing to callers: the log is the only place for it.
fn of_the_store(error: StoreError) -> StatusBuilder {
    match error {
        StoreError::NameTaken => {
            let text = format_args!("{error}; choose another name");
            StatusBuilder::new(Code::AlreadyExists, text).reason("ACCOUNT_NAME_TAKEN", DOMAIN)
        }
        StoreError::Unavailable(cause) => {
            tracing::warn!(error = %cause, "the account database does not answer");
            let text = "the account database does not answer; try again later";
            StatusBuilder::new(Code::Unavailable, text)
                .reason("DATABASE_UNAVAILABLE", DOMAIN)
                .retry_after(BUSY_FOR)
        }
        StoreError::Failed(cause) => {
            tracing::error!(error = %cause, "the account database has failed");
            let text = "the account database has failed; the server's log says why";
            StatusBuilder::new(Code::Internal, text).reason("DATABASE_FAILED", DOMAIN)
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

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
    #[test]
    fn only_what_may_go_away_by_itself_says_when_to_come_back() {
        let cause = || sqlx::Error::PoolTimedOut;
        for (error, expected) in [
            (Error::Store(StoreError::Unavailable(cause())), Some(BUSY_FOR)),
            (Error::Store(StoreError::Failed(cause())), None),
            (Error::Store(StoreError::NameTaken), None),
            (Error::UnknownToken, None),
        ] {
            let status = Status::from(error);
            let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
            assert_eq!(delay, expected, "{status}");
        }
    }
}
