//! What came of the calls to a server that has too many.

use serde::Serialize;
use tonic::Code;

use crate::lab::bars::Check;
use crate::lab::figures::percentile;
use crate::lab::protocol::Call;

/// This part of what a server can do at its best is done under any load.
const GOODPUT: f64 = 0.9;
/// An accepted call takes at most so many times what it takes when the server is just busy.
const P99_TIMES: f64 = 2.0;
/// How long it takes at most to be refused, in 99 of 100 cases.
const REFUSED_WITHIN_MS: f64 = 5.0;

/// What a client saw in a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) offered_per_second: f64,
    /// Calls that were answered, and in time.
    pub(super) goodput_per_second: f64,
    pub(super) accepted_p99_ms: f64,
    /// Calls that were refused for overload: UNAVAILABLE or RESOURCE_EXHAUSTED.
    pub(super) refused_per_second: f64,
    pub(super) refused_p99_ms: f64,
    /// Calls that ended in any other way: the server has worked for nobody.
    pub(super) late_per_second: f64,
}

impl Figures {
    /// Of the calls that began from `from_us` on, for `seconds`.
    pub(super) fn of(calls: &[Call], from_us: u64, seconds: f64) -> Self {
        let until_us = from_us + (seconds * 1e6) as u64;
        let within = |call: &&Call| (from_us..until_us).contains(&call.start_us);
        let refused = [Code::Unavailable, Code::ResourceExhausted].map(|code| code as u8);
        let latencies = |which: &dyn Fn(u8) -> bool| {
            let chosen = calls.iter().filter(within).filter(|call| which(call.code));
            let mut latencies: Vec<_> = chosen.map(|call| call.latency_us).collect();
            latencies.sort_unstable();
            latencies
        };
        let accepted = latencies(&|code| code == 0);
        let turned_away = latencies(&|code| refused.contains(&code));
        let offered = calls.iter().filter(within).count();
        let per_second = |count: usize| count as f64 / seconds;
        let p99_ms = |latencies: &[u64]| percentile(latencies, 0.99) as f64 / 1e3;
        Self {
            offered_per_second: per_second(offered),
            goodput_per_second: per_second(accepted.len()),
            accepted_p99_ms: p99_ms(&accepted),
            refused_per_second: per_second(turned_away.len()),
            refused_p99_ms: p99_ms(&turned_away),
            late_per_second: per_second(offered - accepted.len() - turned_away.len()),
        }
    }

    /// The bars, against what the same server did when it was just busy.
    pub(super) fn checks(&self, busy: &Self) -> [Check; 3] {
        let kept = self.goodput_per_second / busy.goodput_per_second;
        let times = self.accepted_p99_ms / busy.accepted_p99_ms;
        [
            Check {
                bar: format!("at least {GOODPUT:.2} of the best goodput"),
                seen: format!("{kept:.2}"),
                met: kept >= GOODPUT,
            },
            Check {
                bar: format!("accepted p99 at most x{P99_TIMES:.1}"),
                seen: format!("x{times:.2}"),
                met: times <= P99_TIMES,
            },
            Check {
                bar: format!("99 % of refusals within {REFUSED_WITHIN_MS} ms"),
                seen: format!("{:.2} ms", self.refused_p99_ms),
                met: self.refused_p99_ms <= REFUSED_WITHIN_MS,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(start_ms: u64, latency_ms: u64, code: Code) -> Call {
        Call {
            start_us: start_ms * 1000,
            latency_us: latency_ms * 1000,
            server: None,
            code: code as u8,
        }
    }

    #[test]
    fn only_calls_that_begin_in_the_time_count_and_each_in_one_way() {
        let calls = [
            call(999, 1, Code::Ok), // still warming up
            call(1000, 20, Code::Ok),
            call(1500, 30, Code::Ok),
            call(1600, 1, Code::Unavailable),
            call(1700, 2, Code::ResourceExhausted),
            call(1800, 1000, Code::DeadlineExceeded),
            call(2999, 10, Code::Ok),
            call(3000, 10, Code::Ok), // too late
        ];
        let expected = Figures {
            offered_per_second: 3.0,
            goodput_per_second: 1.5,
            accepted_p99_ms: 30.0,
            refused_per_second: 1.0,
            refused_p99_ms: 2.0,
            late_per_second: 0.5,
        };
        assert_eq!(Figures::of(&calls, 1_000_000, 2.0), expected);
    }

    #[test]
    fn each_bar_is_missed_for_its_own_reason() {
        let busy = Figures {
            offered_per_second: 400.0,
            goodput_per_second: 400.0,
            accepted_p99_ms: 20.0,
            refused_per_second: 0.0,
            refused_p99_ms: 0.0,
            late_per_second: 0.0,
        };
        let good = Figures {
            goodput_per_second: 360.0,
            accepted_p99_ms: 40.0,
            refused_p99_ms: 5.0,
            ..busy
        };
        let met = |figures: Figures| figures.checks(&busy).map(|check| check.met);
        assert_eq!(met(good), [true, true, true]);
        assert_eq!(met(Figures { goodput_per_second: 359.0, ..good }), [false, true, true]);
        assert_eq!(met(Figures { accepted_p99_ms: 40.1, ..good }), [true, false, true]);
        assert_eq!(met(Figures { refused_p99_ms: 5.1, ..good }), [true, true, false]);
    }
}
