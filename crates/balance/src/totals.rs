//! What a channel has counted since it was made, by subchannels that are gone as well: a number that is told to the outside as one that only grows must not shrink with them.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use h2::Reason;

use crate::policy::{WeightCounts, WeightsSnapshot};

/// Counted by subchannels and policies, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) connected: AtomicU64,
    pub(crate) connections_failed: AtomicU64,
    disconnected: [AtomicU64; DISCONNECT_ERRORS.len()],
    ejected: [AtomicU64; DETECTION_METHODS.len()],
    pub(crate) weights: WeightCounts,
}

/// Source: gRFC A94, "grpc.disconnect_error"; the first 14 are in the order of the codes of HTTP/2 (RFC 9113, section 7).
const DISCONNECT_ERRORS: [&str; 20] = [
    "GOAWAY NO_ERROR",
    "GOAWAY PROTOCOL_ERROR",
    "GOAWAY INTERNAL_ERROR",
    "GOAWAY FLOW_CONTROL_ERROR",
    "GOAWAY SETTINGS_TIMEOUT",
    "GOAWAY STREAM_CLOSED",
    "GOAWAY FRAME_SIZE_ERROR",
    "GOAWAY REFUSED_STREAM",
    "GOAWAY CANCEL",
    "GOAWAY COMPRESSION_ERROR",
    "GOAWAY CONNECT_ERROR",
    "GOAWAY ENHANCE_YOUR_CALM",
    "GOAWAY INADEQUATE_SECURITY",
    "GOAWAY HTTP_1_1_REQUIRED",
    "subchannel shutdown",
    "connection reset",
    "connection timed out",
    "connection aborted",
    "socket error",
    "unknown",
];

/// Source: gRFC A91, "grpc.lb.outlier_detection.detection_method".
const DETECTION_METHODS: [&str; 2] = ["success_rate", "failure_percentage"];

/// Why a connection has ended. Source: gRFC A94.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    GoAway(Reason),
    /// We have given it up.
    Shutdown,
    Socket(io::ErrorKind),
    /// It ended without an error. A GOAWAY with NO_ERROR and a plain end look alike through hyper.
    Unknown,
}

impl Disconnect {
    fn place(self) -> usize {
        match self {
            Self::GoAway(reason) => {
                let code = u32::from(reason) as usize;
                if code < 14 { code } else { Self::Unknown.place() }
            }
            Self::Shutdown => 14,
            Self::Socket(io::ErrorKind::ConnectionReset) => 15,
            Self::Socket(io::ErrorKind::TimedOut) => 16,
            Self::Socket(io::ErrorKind::ConnectionAborted) => 17,
            Self::Socket(_) => 18,
            Self::Unknown => 19,
        }
    }
}

/// How an endpoint was found to be an outlier. Source: gRFC A91.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DetectionMethod {
    SuccessRate = 0,
    FailurePercentage = 1,
}

impl DetectionMethod {
    pub(crate) fn name(self) -> &'static str {
        DETECTION_METHODS[self as usize]
    }
}

impl Totals {
    pub(crate) fn disconnected(&self, how: Disconnect) {
        self.disconnected[how.place()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ejected(&self, method: DetectionMethod) {
        self.ejected[method as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> TotalsSnapshot {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let named = |names: &[&'static str], numbers: &[AtomicU64]| {
            let all = names.iter().copied().zip(numbers.iter().map(load));
            all.filter(|(_, count)| *count > 0).collect()
        };
        TotalsSnapshot {
            connected: load(&self.connected),
            connections_failed: load(&self.connections_failed),
            disconnected: named(&DISCONNECT_ERRORS, &self.disconnected),
            ejected: named(&DETECTION_METHODS, &self.ejected),
            weights: self.weights.snapshot(),
        }
    }
}

/// What a channel has counted since it was made. Every number only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TotalsSnapshot {
    /// Connections that were made.
    pub connected: u64,
    /// Attempts to connect that failed.
    pub connections_failed: u64,
    /// Connections that have ended, by the reason as gRFC A94 writes it; reasons that there was none of are left out.
    pub disconnected: Vec<(&'static str, u64)>,
    /// Endpoints that were ejected as outliers, by the method as gRFC A91 writes it; methods that found none are left out.
    pub ejected: Vec<(&'static str, u64)>,
    /// What `weighted_round_robin` has found of weights; `None` where it was never in use.
    pub weights: Option<WeightsSnapshot>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_by_the_name_of_the_grfc() {
        for (how, name) in [
            (Disconnect::GoAway(Reason::NO_ERROR), "GOAWAY NO_ERROR"),
            (Disconnect::GoAway(Reason::ENHANCE_YOUR_CALM), "GOAWAY ENHANCE_YOUR_CALM"),
            (Disconnect::GoAway(Reason::HTTP_1_1_REQUIRED), "GOAWAY HTTP_1_1_REQUIRED"),
            (Disconnect::GoAway(Reason::from(4711)), "unknown"),
            (Disconnect::Shutdown, "subchannel shutdown"),
            (Disconnect::Socket(io::ErrorKind::ConnectionReset), "connection reset"),
            (Disconnect::Socket(io::ErrorKind::TimedOut), "connection timed out"),
            (Disconnect::Socket(io::ErrorKind::ConnectionAborted), "connection aborted"),
            (Disconnect::Socket(io::ErrorKind::BrokenPipe), "socket error"),
            (Disconnect::Unknown, "unknown"),
        ] {
            let totals = Totals::default();
            totals.disconnected(how);
            assert_eq!(totals.snapshot().disconnected, [(name, 1)], "{how:?}");
        }
    }

    #[test]
    fn a_code_of_http2_is_where_its_name_is() {
        for code in 0..14 {
            let name = format!("GOAWAY {:?}", Reason::from(code));
            assert_eq!(DISCONNECT_ERRORS[code as usize], name);
        }
    }
}
