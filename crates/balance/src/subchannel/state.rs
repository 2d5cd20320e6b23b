//! States.

use std::fmt;
use std::sync::Arc;

/// The state of a channel. Source: grpc/grpc `doc/connectivity-semantics-and-api.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectivityState {
    /// Nobody needs a connection.
    Idle,
    /// One is being made.
    Connecting,
    /// Calls can be sent.
    Ready,
    /// No connection could be made; it is tried again after a while.
    TransientFailure,
}

impl fmt::Display for ConnectivityState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Idle => "IDLE",
            Self::Connecting => "CONNECTING",
            Self::Ready => "READY",
            Self::TransientFailure => "TRANSIENT_FAILURE",
        })
    }
}

/// The state of one subchannel, as its policy is told.
#[derive(Clone, Debug)]
pub(crate) enum SubchannelState {
    /// There is no connection, and nobody tries to make one: a backoff has passed, or a connection has ended.
    Idle,
    Connecting,
    Ready,
    /// The connection stands, but calls are not to be sent: the server says that it is not healthy, or it was ejected as an outlier. Followed by
    /// `Ready` when that is over.
    Unhealthy(Arc<str>),
    /// Connecting has failed. `Idle` follows when the backoff has passed.
    TransientFailure(Arc<str>),
}

impl SubchannelState {
    /// The state as others see it, with the reason if there is one.
    pub(crate) fn public(&self) -> (ConnectivityState, Option<&str>) {
        match self {
            Self::Idle => (ConnectivityState::Idle, None),
            Self::Connecting => (ConnectivityState::Connecting, None),
            Self::Ready => (ConnectivityState::Ready, None),
            Self::Unhealthy(why) | Self::TransientFailure(why) => {
                (ConnectivityState::TransientFailure, Some(why))
            }
        }
    }
}
