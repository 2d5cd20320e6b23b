//! Why a process could not start or go on, each with what to do about it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use wayside_telemetry::InitError;

use crate::HealthCheckError;

/// Why a server could not start or go on. The text is one line, and says what a cause has said: no error has a [`source`](Error::source) that it repeats, so that
/// whoever prints all causes prints none twice.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port could not be bound.
    #[error("cannot listen on {address} for {name}: {reason} ({remedy})")]
    Bind {
        /// The server that wanted the port.
        name: String,
        /// The address and port.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The value of an option cannot be used.
    #[error("option {option} of {name} cannot be used: {reason}")]
    Option {
        /// The server.
        name: &'static str,
        /// The option, with its dashes.
        option: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// Something that the server needs could not be had.
    #[error("{name} cannot start: {reason}")]
    Setup {
        /// The server.
        name: String,
        /// The cause, with all causes behind it.
        reason: String,
    },
    /// The server that was asked for its health takes no calls.
    #[error(transparent)]
    Health(#[from] HealthCheckError),
    /// Logging could not be set up.
    #[error(transparent)]
    Logs(#[from] InitError),
    /// The system refused threads, signals or the like.
    #[error("cannot run: {0}")]
    System(io::Error),
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl StartError {
    /// A [`StartError::Setup`] that tells an error with every cause behind it.
    pub fn setup(name: impl Into<String>, error: &dyn Error) -> Self {
        let causes =
            std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
        Self::Setup { name: name.into(), reason: causes.collect::<Vec<_>>().join(": ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_has_said_is_said_once() {
        let said = || io::Error::other("the moon is full");
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let (name, remedy) = ("movies".to_owned(), "wait");
        for error in [
            StartError::Bind { name, address, reason: said(), remedy },
            StartError::from(said()),
            StartError::Health(HealthCheckError::Connect { address, reason: said() }),
            StartError::Logs(InitError::from(said())),
        ] {
            let all = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
            let all: Vec<_> = all.map(ToString::to_string).collect();
            assert_eq!(all.join(": ").matches("the moon is full").count(), 1, "{all:?}");
        }
    }
}
