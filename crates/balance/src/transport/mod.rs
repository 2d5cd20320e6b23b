//! From an address to an HTTP/2 connection that has shown a sign of life.

use std::sync::Arc;

use http::uri::Authority;
use tokio::sync::Notify;

use crate::Address;

mod connector;
mod handshake;
mod keepalive;
mod own_task;
mod settings;
mod tasks;
mod tls;

pub(crate) use connector::Sockets;
pub use connector::{Connect, Connecting, Io};
pub(crate) use handshake::{BoxError, Opened};
pub use keepalive::Keepalive;
pub(crate) use keepalive::Pings;
pub(crate) use own_task::OwnTask;
pub(crate) use tls::Connector as TlsConnector;
pub use tls::{ClientTls, TlsError};

/// How a channel makes its connections.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) connector: Arc<dyn Connect>,
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) pings: Pings,
    /// Ends the backoff of every subchannel.
    pub(crate) backoff_reset: Notify,
}

impl Transport {
    /// Connects, within the time that an attempt is given.
    ///
    /// # Errors
    /// When that fails at any step, from the socket to the server's SETTINGS.
    pub(crate) async fn open(
        &self,
        address: &Address,
        authority: &Authority,
    ) -> Result<Opened, BoxError> {
        handshake::open(self, address, authority).await
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }
}
