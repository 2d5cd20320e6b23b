//! What calls of a server and attempts of a client have in common.

use std::sync::OnceLock;

use tokio::time::Duration;
use tonic::Code;

use super::{Histogram, LATENCY, SIZE};
use crate::access_log::code_name;

/// The name of a status code as the label `grpc_status` has it.
pub fn status_name(code: Code) -> &'static str {
    code_name(code)
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// From its beginning to its end.
    pub duration: Duration,
    /// Bytes of all messages that were sent.
    pub sent_bytes: u64,
    /// Bytes of all messages that were received.
    pub received_bytes: u64,
    /// The id of the trace, if the call was sampled.
    pub trace_id: Option<u128>,
}

/// What calls that ended with one status took.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) duration: Histogram,
    pub(crate) sent: Histogram,
    pub(crate) received: Histogram,
}

impl Finished {
    fn new() -> Self {
        let [sent, received] = [&SIZE, &SIZE].map(Histogram::new);
        Self { duration: Histogram::new(&LATENCY), sent, received }
    }

    pub(crate) fn record(&self, totals: &Totals) {
        self.duration.record_time(totals.duration, totals.trace_id);
        self.sent.record(totals.sent_bytes);
        self.received.record(totals.received_bytes);
    }
}

/// Something for each status that calls have ended with. The 17 histograms of a method that nobody has called would be most of what a small server needs.
#[derive(Debug)]
pub(crate) struct ByCode<T>([OnceLock<Box<T>>; CODES]);

/// Every status code of gRPC.
const CODES: usize = 17;

impl<T> Default for ByCode<T> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; CODES])
    }
}

impl<T> ByCode<T> {
    pub(crate) fn get_or(&self, code: Code, make: impl FnOnce() -> T) -> &T {
        self.0[code as usize].get_or_init(|| Box::new(make()))
    }

    /// Each status that calls have ended with, by its name.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, &T)> {
        self.by_code().map(|(code, made)| (code_name(code), made))
    }

    /// Each status that calls have ended with.
    pub(crate) fn by_code(&self) -> impl Iterator<Item = (Code, &T)> {
        let all = self.0.iter().zip(0..);
        all.filter_map(|(made, code)| Some((Code::from_i32(code), &**made.get()?)))
    }
}

impl ByCode<Finished> {
    pub(crate) fn record(&self, code: Code, totals: &Totals) {
        self.get_or(code, Finished::new).record(totals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_place_and_its_name() {
        let by_code = ByCode::<Code>::default();
        for code in (0..17).map(Code::from_i32) {
            by_code.get_or(code, || code);
        }
        for (index, (name, code)) in by_code.each().enumerate() {
            assert_eq!((code_name(*code), *code as usize), (name, index));
        }
    }
}
