//! The faults: what is done to three servers while clients call them, and what that is to show.

use clap::ValueEnum;
use tokio::time::Duration;

/// What is done to the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Restarts that let calls finish.
    Sigterm,
    /// Restarts that do not.
    Sigkill,
    /// A server where nothing listens.
    Refused,
    /// A server that takes connections and resets them.
    Dead,
    /// A server that stops answering.
    Frozen,
    /// A server that answers late.
    Slow,
    /// Servers that are added.
    Scale,
}

/// A fault in words.
#[derive(Debug)]
pub(crate) struct Text {
    /// What is done.
    pub(crate) done: &'static str,
    /// What the last column but one counts.
    pub(crate) counted: &'static str,
    /// What our own strategies have to reach.
    pub(crate) bar: &'static str,
}

impl Fault {
    /// Every fault, in the order of the report.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The number of the server that is dead, frozen or slow: the first, so that clients of a single server meet it.
    pub(crate) const VICTIM: usize = 0;

    /// What it is called on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sigterm => "sigterm",
            Self::Sigkill => "sigkill",
            Self::Refused => "refused",
            Self::Dead => "dead",
            Self::Frozen => "frozen",
            Self::Slow => "slow",
            Self::Scale => "scale",
        }
    }

    /// How long clients call unless told otherwise.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Sigterm | Self::Sigkill | Self::Dead => 20,
            Self::Frozen => 15,
            Self::None | Self::Refused | Self::Scale => 10,
            Self::Slow => 5,
        })
    }

    /// How long a server takes for a call.
    ///
    /// 20 ms keep several calls in flight on every server at any moment, which is what a restart endangers. Beside a server that is 50 ms
    /// slower the others answer at once: who counts calls in flight can only tell servers apart that have some.
    pub(crate) fn delay(self) -> Duration {
        Duration::from_millis(if self == Self::Slow { 0 } else { 20 })
    }

    /// How often a worker starts a call at most, so that a client whose calls fail at once does not make more of them.
    ///
    /// Nothing fails beside a slow server, and its share says something when the others are busy: one without a call is as good as any to whoever counts
    /// calls in flight.
    pub(crate) fn pace(self) -> Duration {
        Duration::from_millis(if self == Self::Slow { 0 } else { 20 })
    }

    /// Whether clients run one after the other: they would be slowed down by each other, and not by the server.
    pub(crate) fn wants_quiet(self) -> bool {
        self == Self::Slow
    }

    /// By how much the victim is slower.
    pub(crate) fn extra_delay(self) -> Duration {
        Duration::from_millis(if self == Self::Slow { 50 } else { 0 })
    }

    /// Time and timeout of the clients' keepalive, where it is what the fault is about. Elsewhere each stack has its own default.
    pub(crate) fn keepalive(self) -> Option<Duration> {
        (self == Self::Frozen).then_some(Duration::from_secs(1))
    }

    /// Whether there is nothing to see with a strategy that has one server in use at a time.
    pub(crate) fn needs_several_servers(self) -> bool {
        matches!(self, Self::Slow | Self::Scale)
    }

    pub(crate) fn text(self) -> Text {
        let (done, counted, bar) = match self {
            Self::None => (
                "Three servers answer, and nothing is done to them: what the other rows are compared with.",
                "nothing more",
                "0 lost; round_robin gives each server its share within 2 points of a hundred",
            ),
            Self::Sigterm => (
                "One server after the other is told to stop (SIGTERM), as in a rolling update: it finishes its calls and ends, and half a second later another one listens on its port.",
                "back: how many of the restarted servers answered this client again, and the longest time that took",
                "0 lost",
            ),
            Self::Sigkill => (
                "The same with kill -9, as when a machine is lost: calls that a server has in hand are gone.",
                "back: as for sigterm",
                "0 lost with a retry policy; without one only calls in flight at a kill, at most one a worker, all of them UNAVAILABLE",
            ),
            Self::Refused => (
                "Where the first server should be, nothing listens from beginning to end: connecting is refused.",
                "nothing more",
                "0 lost",
            ),
            Self::Dead => (
                "In the place of the first server a socket takes every connection and resets it at once. A refused connection leaves no trace that could be counted; this one does, and to a client it is as dead.",
                "connects: how often the client connected to it",
                "0 lost; no more connects than gRPC's backoff makes, 8 in a minute",
            ),
            Self::Frozen => (
                "After a third of the time the first server is stopped (SIGSTOP), as when a machine hangs: connections stay open, and nothing answers. Clients ping after 1 s of silence and wait 1 s.",
                "noticed: when the last call was lost, counted from the stop; p99: that of later answers, as a multiple of that of earlier ones, or silent if there was none",
                "at most one call a worker lost (two with a pool, each of whose connections notices by itself), all UNAVAILABLE, the last one 2.1 s after the stop; least_request: p99 at most 3 times that before; with a retry policy 0 lost",
            ),
            Self::Slow => (
                "The first server takes 50 ms longer than the others, which answer at once.",
                "slow: the slow server's share of the answers",
                "0 lost; least_request gives it less than 5 %",
            ),
            Self::Scale => (
                "Six servers run and clients know three; after a third of the time they are told of the other three, as by a resolver.",
                "new: how long it took until each of the new ones had answered",
                "0 lost; 1 s",
            ),
        };
        Text { done, counted, bar }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_command_line() {
        for fault in Fault::all() {
            assert_eq!(Fault::from_str(fault.name(), false), Ok(*fault));
        }
    }
}
