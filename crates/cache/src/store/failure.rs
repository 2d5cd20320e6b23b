//! Why a store did not do what it was asked to.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why an entry was not written.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// There is no room for it.
    Refused(Refused),
    /// The store cannot say.
    Failure(Failure),
}

/// Which limit stands in the way of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The account has as many keys as it may have.
    KeyLimit {
        /// How many that is.
        limit: u64,
    },
    /// The keys and values of all accounts together would be too large.
    Full {
        /// How large they may be, in bytes.
        limit: u64,
    },
    /// Redis has no memory left: its own limit, `maxmemory`, is reached.
    OutOfMemory,
}

/// Why a store that is not in this process did not answer. The causes hold neither values nor passwords.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It is away or busy; later it may answer.
    #[error("the store does not answer")]
    Unavailable(#[source] RedisError),
    /// It answered with an error.
    #[error("the store has failed")]
    Failed(#[source] RedisError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let away = match error.kind() {
            // An answer that a dying Redis left off in the middle cannot be parsed; a replica that was the primary until a moment ago says that it is read-only.
            ErrorKind::Io
            | ErrorKind::Parse
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
            ) => true,
            // Another script takes long, or the data cannot be saved or copied right now.
            _ => matches!(error.code(), Some("BUSY" | "MISCONF" | "NOREPLICAS")),
        };
        if away { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

impl From<Refused> for NotStored {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Failure> for NotStored {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed(error) if is_out_of_memory(&error) => {
                Self::Refused(Refused::OutOfMemory)
            }
            failure => Self::Failure(failure),
        }
    }
}

/// Redis 6 gives an error in a script the code ERR and tells the real one in the text.
fn is_out_of_memory(error: &RedisError) -> bool {
    error.code() == Some("OOM")
        || error.detail().is_some_and(|text| text.contains("OOM command not allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error as the server sends it.
    fn said(code: &str, text: &str) -> RedisError {
        redis::make_extension_error(code.to_owned(), Some(text.to_owned()))
    }

    fn known(kind: ServerErrorKind) -> RedisError {
        RedisError::from((ErrorKind::Server(kind), "as the server says"))
    }

    #[test]
    fn what_goes_away_by_itself_is_unavailable_and_the_rest_has_failed() {
        let lost = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let unavailable = [
            RedisError::from(lost),
            RedisError::from((ErrorKind::Parse, "unexpected end of file")),
            known(ServerErrorKind::BusyLoading),
            known(ServerErrorKind::ReadOnly),
            known(ServerErrorKind::ClusterDown),
            said("BUSY", "Redis is busy running a script."),
        ];
        for error in unavailable {
            let text = error.to_string();
            assert!(matches!(Failure::from(error), Failure::Unavailable(_)), "{text}");
        }
        let failed = [said("WRONGTYPE", "wrong kind of value"), known(ServerErrorKind::NoPerm)];
        for error in failed {
            let text = error.to_string();
            assert!(matches!(Failure::from(error), Failure::Failed(_)), "{text}");
        }
    }

    #[test]
    fn a_redis_without_memory_is_a_full_cache() {
        for error in [
            said("OOM", "command not allowed when used memory > 'maxmemory'."),
            said("ERR", "Error running script: -OOM command not allowed when used memory"),
        ] {
            let not_stored = NotStored::from(Failure::from(error));
            assert!(
                matches!(not_stored, NotStored::Refused(Refused::OutOfMemory)),
                "{not_stored:?}"
            );
        }
    }
}
