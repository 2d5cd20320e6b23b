//! The bounds of a server, as options.

use clap::{ArgAction, Args};
use tokio::time::Duration;

use crate::parse_duration;
use crate::server::{KeepaliveEnforcement, ServerOptions};

/// What each server bounds. Values of 0 mean never where they are times after which something happens.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct ServerArgs {
    /// How many connections are served at a time; more are closed as they come.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER", help_heading = "Connections")]
    pub max_connections: u32,

    /// How long a connection may take for its TLS handshake, its HTTP/2 preface, or the head of an HTTP/1.1 request.
    #[arg(long, env = "HANDSHAKE_TIMEOUT", default_value = "10s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub handshake_timeout: Duration,

    /// The age at which a connection is told to go, give or take 10 %; 0s: never.
    #[arg(long, env = "MAX_CONNECTION_AGE", default_value = "0s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub max_connection_age: Duration,

    /// How long the calls of an aged connection may take to finish; 0s: as long as they want.
    #[arg(long, env = "MAX_CONNECTION_AGE_GRACE", default_value = "0s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub max_connection_age_grace: Duration,

    /// How long a connection may be without a call before it is told to go; 0s: as long as it wants.
    #[arg(long, env = "MAX_CONNECTION_IDLE", default_value = "0s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub max_connection_idle: Duration,

    /// After how long without a sign of the client it is pinged.
    #[arg(long, env = "KEEPALIVE_TIME", default_value = "2h", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub keepalive_time: Duration,

    /// How long a client has to answer a ping.
    #[arg(long, env = "KEEPALIVE_TIMEOUT", default_value = "20s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub keepalive_timeout: Duration,

    /// The shortest time between two pings of a client; after three that come sooner the connection is closed.
    #[arg(long, env = "KEEPALIVE_PERMIT_TIME", default_value = "5m", value_parser = parse_duration, value_name = "DURATION", help_heading = "Connections")]
    pub keepalive_permit_time: Duration,

    /// Whether clients may ping while they have no call.
    #[arg(long, env = "KEEPALIVE_PERMIT_WITHOUT_CALLS", default_value_t = false, action = ArgAction::Set, value_name = "BOOL", help_heading = "Connections")]
    pub keepalive_permit_without_calls: bool,
}

impl ServerArgs {
    /// The options of the server loop.
    pub(crate) fn options(&self) -> ServerOptions {
        let unless_zero = |duration: Duration| (!duration.is_zero()).then_some(duration);
        ServerOptions {
            max_connections: self.max_connections as usize,
            handshake_timeout: self.handshake_timeout,
            max_connection_age: unless_zero(self.max_connection_age),
            max_connection_age_grace: unless_zero(self.max_connection_age_grace),
            max_connection_idle: unless_zero(self.max_connection_idle),
            keepalive_time: self.keepalive_time,
            keepalive_timeout: self.keepalive_timeout,
            keepalive_enforcement: KeepaliveEnforcement {
                permit_time: self.keepalive_permit_time,
                permit_without_calls: self.keepalive_permit_without_calls,
                ..KeepaliveEnforcement::default()
            },
            ..ServerOptions::default()
        }
    }
}
