//! The bounds of a server.

use std::sync::Arc;

use tokio::time::Duration;

use crate::tls::ServerTls;

/// The bounds of a server. Where gRPC has a rule the default is that of the rule.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// How long calls in flight may take after the stop. Default 25 s.
    pub drain: Duration,
    /// How many connections are served at a time; more are closed as they come. Default 1024.
    pub max_connections: usize,
    /// How many streams a connection may have at a time. Default 100.
    pub max_concurrent_streams: u32,
    /// How large the header list of a request may be. Default 16 KiB.
    pub max_header_list_bytes: u32,
    /// How long a connection may take for each of: the TLS handshake, the HTTP/2 preface, the head of an HTTP/1.1 request. Default 10 s.
    pub handshake_timeout: Duration,
    /// The age at which a connection is told to go, give or take 10 % at random. Default: never. Source: gRFC A9, MAX_CONNECTION_AGE.
    pub max_connection_age: Option<Duration>,
    /// How long the calls of an aged connection may take to finish before it is closed. Default: for ever. Source: gRFC A9,
    /// MAX_CONNECTION_AGE_GRACE.
    pub max_connection_age_grace: Option<Duration>,
    /// How long a connection may be without a call before it is told to go. Default: for ever. Source: gRFC A9, MAX_CONNECTION_IDLE.
    pub max_connection_idle: Option<Duration>,
    /// After how long without a sign of the client it is pinged. Default 2 h. Source: gRFC A9, KEEPALIVE_TIME.
    pub keepalive_time: Duration,
    /// How long the client has to answer the ping. Default 20 s. Source: gRFC A9, KEEPALIVE_TIMEOUT.
    pub keepalive_timeout: Duration,
    /// What pings of clients are allowed.
    pub keepalive_enforcement: KeepaliveEnforcement,
    /// The certificate of the server. Default: none, connections are not encrypted.
    pub(crate) tls: Option<Arc<ServerTls>>,
}

/// What pings of clients are allowed. Source: gRFC A8.
#[derive(Clone, Copy, Debug)]
pub struct KeepaliveEnforcement {
    /// The shortest time between two pings. Default 5 min.
    pub permit_time: Duration,
    /// Whether a client may ping without a call. Default no: then two hours have to lie between two pings.
    pub permit_without_calls: bool,
    /// How many pings may come too early; one more ends the connection. Default 2.
    pub max_ping_strikes: u32,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(25),
            max_connections: 1024,
            max_concurrent_streams: 100,
            max_header_list_bytes: 16 * 1024,
            handshake_timeout: Duration::from_secs(10),
            max_connection_age: None,
            max_connection_age_grace: None,
            max_connection_idle: None,
            keepalive_time: Duration::from_secs(2 * 60 * 60),
            keepalive_timeout: Duration::from_secs(20),
            keepalive_enforcement: KeepaliveEnforcement::default(),
            tls: None,
        }
    }
}

impl Default for KeepaliveEnforcement {
    fn default() -> Self {
        Self {
            permit_time: Duration::from_secs(5 * 60),
            permit_without_calls: false,
            max_ping_strikes: 2,
        }
    }
}
