//! What the lab and its clients say to each other: JSON, a value each line. Orders go to the client's standard input, answers come from its
//! standard output. `grpcio_worker.py` speaks it too.

use std::net::SocketAddr;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use tokio::time::Duration;

/// The first line that a client reads: how it is to make calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) stack: Stack,
    /// The servers, in the order of their numbers.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whether [`Order::Addresses`] will come. A client that cannot follow says so before anything is measured.
    pub(crate) list_changes: bool,
    pub(crate) workers: u32,
    /// How many clients of the stack the workers are spread over, where calls are counted; elsewhere they share one.
    pub(crate) clients: u32,
    /// A worker starts a call at most this often, so that one whose calls fail at once makes no more of them than any other.
    pub(crate) pace_ms: u64,
    /// Whether it then makes up for calls that it is late with, so that there are as many as the pace says; elsewhere one that was late stays so.
    pub(crate) catches_up: bool,
    /// The deadline of every call.
    pub(crate) timeout_ms: u64,
    /// After how long without a sign of a server it is pinged, and how long it then has to answer; without it the stack's default holds.
    pub(crate) keepalive_ms: Option<u64>,
    /// What every call carries besides its deadline.
    pub(crate) metadata: Vec<(String, String)>,
    /// Calls are made when [`Order::Measure`] says so, as fast as they can be, and only counted.
    pub(crate) counted: bool,
}

/// Whose client makes the calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stack {
    /// tonic's `Channel` to the first address.
    TonicOne,
    /// tonic's `Channel::balance_list`; a call that fails is made again at once until it was tried this often.
    TonicBalance { attempts: u32 },
    /// A plain tonic `Channel` for each address, taken in turn.
    TonicCounter,
    /// The C core, by Python.
    Grpcio { service_config: String },
    /// `wayside-balance`, with at most so many connections to a server.
    Wayside { service_config: String, connections: u32 },
}

/// How much a client is to call where calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Amount {
    /// For so many milliseconds; calls that are under way then are finished and count.
    Millis(u64),
    /// So many calls by each worker.
    Calls(u64),
}

impl Amount {
    /// Calls for a time.
    pub(crate) fn of(time: Duration) -> Self {
        Self::Millis(time.as_millis() as u64)
    }
}

/// What a client is told after its [`Spec`]. The end of its input means that the lab is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Begin to call.
    Go,
    /// Make calls, and say [`Answer::Totals`]. None is in flight before and after, so what a server did meanwhile it did for these.
    Measure(Amount),
    /// Use these servers from now on: what a resolver would say.
    Addresses(Vec<SocketAddr>),
    /// Finish the calls that are under way, report, and end.
    Stop,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The client is set up, and waits for [`Order::Go`].
    Ready,
    /// It cannot do what the [`Spec`] asks for, and why. It has ended.
    Unable(String),
    /// Every call that it made.
    Calls(Vec<Call>),
    /// What came of an [`Order::Measure`].
    Totals(Totals),
}

/// One call, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, Option<usize>, u8)", into = "(u64, u64, Option<usize>, u8)")]
pub(crate) struct Call {
    /// Microseconds since 1970: a clock that processes share.
    pub(crate) start_us: u64,
    pub(crate) latency_us: u64,
    /// The number of the server that answered.
    pub(crate) server: Option<usize>,
    /// The gRPC code, or [`NO_STATUS`].
    pub(crate) code: u8,
}

/// In the place of a gRPC code: the call had no status a second after its deadline.
pub(crate) const NO_STATUS: u8 = 255;

/// How long after its deadline a call is given up as one without a status.
pub(crate) const NO_STATUS_AFTER_MS: u64 = 1000;

impl Call {
    pub(crate) fn end_us(&self) -> u64 {
        self.start_us + self.latency_us
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.code != 0
    }
}

impl From<(u64, u64, Option<usize>, u8)> for Call {
    fn from((start_us, latency_us, server, code): (u64, u64, Option<usize>, u8)) -> Self {
        Self { start_us, latency_us, server, code }
    }
}

impl From<Call> for (u64, u64, Option<usize>, u8) {
    fn from(call: Call) -> Self {
        (call.start_us, call.latency_us, call.server, call.code)
    }
}

/// What a client measured from its first call to the end of the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) calls: u64,
    pub(crate) lost: u64,
    pub(crate) seconds: f64,
    /// CPU time of the client's process, user and system.
    pub(crate) cpu_seconds: f64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.lost += other.lost;
        self.seconds += other.seconds;
        self.cpu_seconds += other.cpu_seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Python client was written against these very texts.
    #[test]
    fn lines_are_what_the_python_client_reads_and_writes() {
        for (order, text) in [
            (Order::Go, r#""go""#),
            (
                Order::Addresses(vec!["127.0.0.1:1".parse().unwrap()]),
                r#"{"addresses":["127.0.0.1:1"]}"#,
            ),
            (Order::Stop, r#""stop""#),
        ] {
            assert_eq!(serde_json::to_string(&order).unwrap(), text);
        }
        let call = Call { start_us: 7, latency_us: 2, server: Some(1), code: 0 };
        let lost = Call { server: None, code: 14, ..call };
        for (answer, text) in [
            (Answer::Ready, r#""ready""#),
            (Answer::Unable("why".into()), r#"{"unable":"why"}"#),
            (Answer::Calls(vec![call, lost]), r#"{"calls":[[7,2,1,0],[7,2,null,14]]}"#),
        ] {
            assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), answer);
        }
        let stack = Stack::Grpcio { service_config: "{}".into() };
        assert_eq!(serde_json::to_string(&stack).unwrap(), r#"{"grpcio":{"service_config":"{}"}}"#);
    }
}
