//! Why a call fails, and what its caller is told.

use std::sync::Arc;

use tokio::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wayside_chassis::StatusBuilder;

use crate::store::{Failure, Refused};

/// The domain of the reasons in `google.rpc.ErrorInfo`.
pub(crate) const DOMAIN: &str = "wayside";
/// When to try again if the accounts server or the store cannot be reached. Source: the first pause of gRPC's connection backoff.
const RECONNECT: Duration = Duration::from_secs(1);

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
    /// The accounts server did not say whose token it is. Its text may be of any length, and the caller gets the beginning.
    #[error("accounts could not be asked: {text:.256}")]
    Accounts {
        /// How the lookup ended.
        code: Code,
        /// What the accounts server or the channel to it said.
        text: String,
        /// When to try again, where that may help.
        retry_after: Option<Duration>,
    },
    /// The accounts server answered with something that is not an account.
    #[error("accounts could not be asked: its answer has no account with an id and a limit")]
    AccountUnusable,
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
    /// The store is not in this process, and did not do it.
    #[error(transparent)]
    Store(#[from] Failure),
}

impl Error {
    /// A lookup of the account that has failed, without the token that an old or broken accounts server may repeat.
    pub(crate) fn accounts(status: &Status, token: &str) -> Self {
        let told = || status.get_details_retry_info()?.retry_delay;
        let retry_after = match status.code() {
            Code::Unavailable => Some(told().unwrap_or(RECONNECT)),
            Code::ResourceExhausted => told(),
            _ => None,
        };
        let text = status.message().replace(token, "[token]");
        Self::Accounts { code: status.code(), text, retry_after }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let of = |code| StatusBuilder::new(code, &error);
        match &error {
            Error::TokenMissing => of(Code::Unauthenticated).reason("TOKEN_MISSING", DOMAIN),
            Error::TokenMalformed | Error::TokenTwice | Error::TokenTooLong { .. } => {
                of(Code::Unauthenticated).reason("TOKEN_MALFORMED", DOMAIN)
            }
            Error::TokenUnknown => of(Code::Unauthenticated).reason("TOKEN_UNKNOWN", DOMAIN),
            Error::Accounts { code, retry_after, .. } => {
                let status = of(code_for_caller(*code)).reason("ACCOUNTS_UNAVAILABLE", DOMAIN);
                match retry_after {
                    Some(delay) => status.retry_after(*delay),
                    None => status,
                }
            }
            Error::AccountUnusable => of(Code::Internal).reason("ACCOUNTS_UNAVAILABLE", DOMAIN),
            Error::KeyNotFound(_) => of(Code::NotFound).reason("KEY_NOT_FOUND", DOMAIN),
            // Without a time to come back at, as neither quota mends itself: an older client would call again and again.
            Error::Refused { account, refused: Refused::KeyLimit { limit } } => {
                let remedy = format_args!(
                    "the account may have {limit} keys: delete some, or have its max_cache_keys raised"
                );
                of(Code::FailedPrecondition).quota(&format!("account:{account}"), remedy)
            }
            Error::Refused { refused: Refused::Full { limit }, .. } => {
                let remedy = format_args!(
                    "the server keeps {limit} bytes: delete keys, or raise --cache-max-bytes"
                );
                of(Code::ResourceExhausted).quota("server:cache", remedy)
            }
            Error::Refused { refused: Refused::OutOfMemory, .. } => {
                let remedy = "Redis has no memory left: delete keys, or raise its maxmemory";
                of(Code::ResourceExhausted).quota("server:cache", remedy)
            }
            Error::Store(failure) => of_the_store(failure),
        }
        .build()
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

/// What Redis said is nothing to callers: the log is the only place for it.
fn of_the_store(failure: &Failure) -> StatusBuilder {
    match failure {
        Failure::Unavailable(cause) => {
            tracing::warn!(error = %cause, "the store of the cache does not answer");
            let text = "the store of the cache does not answer; try again later";
            StatusBuilder::new(Code::Unavailable, text)
                .reason("STORE_UNAVAILABLE", DOMAIN)
                .retry_after(RECONNECT)
        }
        Failure::Failed(cause) => {
            tracing::error!(error = %cause, "the store of the cache has failed");
            let text = "the store of the cache has failed; the server's log says why";
            StatusBuilder::new(Code::Internal, text).reason("STORE_FAILED", DOMAIN)
        }
    }
}

fn refused_text(account: &str, refused: Refused) -> String {
    match refused {
        Refused::KeyLimit { limit } => format!("Account {account} exceeds max key limit {limit}"),
        Refused::Full { limit } => format!(
            "the cache is full: keys and values of all accounts are limited to {limit} bytes; delete keys, store with a ttl, or raise --cache-max-bytes"
        ),
        Refused::OutOfMemory => {
            "the cache is full: Redis has no memory left; delete keys, store with a ttl, or raise its maxmemory"
                .to_owned()
        }
    }
}
