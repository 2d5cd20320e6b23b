//! Every answer but yes.

use std::io;
use std::net::SocketAddr;

use tonic::Status;

use crate::TlsError;

/// Why a server does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthCheckError {
    /// Nobody answers the port, or not with the TLS of these options.
    #[error("no connection to {address}: {reason}")]
    Connect {
        /// Who was asked.
        address: SocketAddr,
        /// What happened.
        reason: io::Error,
    },
    /// The connection was made, and no answer came over it.
    #[error("{address} does not answer: {reason}")]
    Broken {
        /// Who was asked.
        address: SocketAddr,
        /// What happened.
        reason: hyper::Error,
    },
    /// The health service answered with an error.
    #[error("{address} answers {:?}: {}", .status.code(), .status.message())]
    Refused {
        /// Who was asked.
        address: SocketAddr,
        /// The answer.
        status: Box<Status>,
    },
    /// The server is there, and takes no calls.
    #[error("{address} is not serving: {answer}")]
    NotServing {
        /// Who was asked.
        address: SocketAddr,
        /// A serving status or a line of HTTP.
        answer: String,
    },
    /// The answer did not come in time.
    #[error("{address} does not answer in time")]
    Timeout {
        /// Who was asked.
        address: SocketAddr,
    },
    /// The server speaks HTTP only, and has no admin port to be asked on.
    #[error("it can be asked on its admin port only, and --admin-listen is off")]
    NoAdminPort,
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
