//! Why a call fails, and what its caller is told.

use std::fmt::Write as _;
use std::sync::Arc;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::store::Refused;

/// The domain of the reasons in `google.rpc.ErrorInfo`.
pub(crate) const DOMAIN: &str = "wayside";

/// Why a call fails. No variant can hold a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The call has no token.
    #[error("account token is missing: send it as authorization: Bearer, or in account_token")]
    TokenMissing,
    /// The header `authorization` is not `Bearer` and a token.
    #[error(
        "authorization header is malformed: send it as authorization: Bearer and the account token"
    )]
    TokenMalformed,
    /// The header `authorization` is there more than once.
    #[error("authorization header is there more than once: send one")]
    TokenTwice,
    /// No token is that long.
    #[error("account token is longer than {limit} bytes")]
    TokenTooLong {
        /// How long a token may be.
        limit: usize,
    },
    /// The token belongs to no account.
    #[error("account token is not known")]
    TokenUnknown,
    /// The accounts server did not say whose token it is.
    #[error("accounts could not be asked: {text}")]
    Accounts {
        /// How the lookup ended.
        code: Code,
        /// What the accounts server or the channel to it said.
        text: String,
    },
    /// The accounts server answered with something that is not an account.
    #[error("accounts could not be asked: its answer has no account with an id and a limit")]
    AccountUnusable,
    /// Fields of the request that cannot be used; at least one.
    #[error("{}", fields_text(.0))]
    Fields(Vec<FieldViolation>),
    /// The account has no such key.
    #[error("Key not found {0}")]
    KeyNotFound(String),
    /// The store has no room.
    #[error("{}", refused_text(.account, *.refused))]
    Refused {
        /// The id of the account.
        account: Arc<str>,
        /// Which limit was reached.
        refused: Refused,
    },
    /// Restore cannot be tried without doing it.
    #[error(
        "dry-run is not supported by Restore: nothing was stored; leave the metadata out, or try the entries with Store"
    )]
    DryRunRestore,
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, details) = match &error {
            Error::TokenMissing => (Code::Unauthenticated, reason("TOKEN_MISSING")),
            Error::TokenMalformed | Error::TokenTwice | Error::TokenTooLong { .. } => {
                (Code::Unauthenticated, reason("TOKEN_MALFORMED"))
            }
            Error::TokenUnknown => (Code::Unauthenticated, reason("TOKEN_UNKNOWN")),
            Error::Accounts { code, .. } => {
                (code_for_caller(*code), reason("ACCOUNTS_UNAVAILABLE"))
            }
            Error::AccountUnusable => (Code::Internal, reason("ACCOUNTS_UNAVAILABLE")),
            Error::Fields(violations) => {
                (Code::InvalidArgument, ErrorDetails::with_bad_request(violations.as_slice()))
            }
            Error::KeyNotFound(_) => (Code::NotFound, reason("KEY_NOT_FOUND")),
            Error::Refused { account, refused } => quota(account, *refused),
            Error::DryRunRestore => (Code::Unimplemented, reason("DRY_RUN_NOT_SUPPORTED")),
        };
        Self::with_error_details(code, error.to_string(), details)
    }
}

/// What a failed lookup of the account means for the caller of the cache (gRFC A54).
///
/// Many codes would say something about the caller's own call that is not true: that a key is not there, that the cache lacks the
/// method, that the caller may not do this. Those become INTERNAL.
fn code_for_caller(code: Code) -> Code {
    match code {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::ResourceExhausted
        | Code::Unknown
        | Code::Internal => code,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => Code::Internal,
        // A54 lets these pass. Here they are about the cache's own credentials and the server that it was given.
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => Code::Internal,
    }
}

fn reason(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [])
}

fn quota(account: &str, refused: Refused) -> (Code, ErrorDetails) {
    match refused {
        Refused::KeyLimit { limit } => {
            let remedy = format!(
                "the account may have {limit} keys: delete some, or have its max_cache_keys raised"
            );
            let details =
                ErrorDetails::with_quota_failure_violation(format!("account:{account}"), remedy);
            (Code::FailedPrecondition, details)
        }
        Refused::Full { limit } => {
            let remedy =
                format!("the server keeps {limit} bytes: delete keys, or raise --cache-max-bytes");
            (
                Code::ResourceExhausted,
                ErrorDetails::with_quota_failure_violation("server:cache", remedy),
            )
        }
    }
}

fn refused_text(account: &str, refused: Refused) -> String {
    match refused {
        Refused::KeyLimit { limit } => format!("Account {account} exceeds max key limit {limit}"),
        Refused::Full { limit } => format!(
            "the cache is full: keys and values of all accounts are limited to {limit} bytes; delete keys, store with a ttl, or raise --cache-max-bytes"
        ),
    }
}

fn fields_text(violations: &[FieldViolation]) -> String {
    let mut text = String::new();
    for FieldViolation { field, description, .. } in violations {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}field {field}: {description}");
    }
    text
}
