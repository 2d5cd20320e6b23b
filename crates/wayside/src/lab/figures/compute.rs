//! From the calls of one client and the course of the run to the figures of one row.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use tonic::Code;

use super::Timeline;
use super::percentile::percentile;
use crate::lab::faults::Fault;
use crate::lab::protocol::{Call, NO_STATUS};

/// How long after a kill a client may take it for alive: a call that starts within this time is counted as in flight.
///
/// The system closes the sockets of a killed process after it has freed its memory, and on a busy machine the client is not the next to run.
const UNNOTICED_US: u64 = 100_000;

/// The figures of one client under one fault. What a fault does not show is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) lost: u64,
    /// Lost calls by gRPC code; `NO_STATUS` for those that had none a second after their deadline.
    pub(crate) lost_as: BTreeMap<String, u64>,
    /// How long clients called.
    pub(crate) seconds: f64,
    /// Answered calls.
    pub(crate) calls_per_second: f64,
    /// Latencies of answered calls.
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) max_us: u64,
    /// Each server's share of the answered calls, from 0 to 1.
    pub(crate) share: Vec<f64>,
    /// Connects to the dead server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connects: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restarts: Option<Restarts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frozen: Option<Frozen>,
    /// How long after the news each new server had answered; `null` when one never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new_after_ms: Option<Option<u64>>,
}

/// What restarts did to a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Restarts {
    pub(crate) count: u64,
    /// How many of the restarted servers answered again.
    pub(crate) back: u64,
    /// The longest time from a server's return to its first answer.
    pub(crate) slowest_back_ms: u64,
    /// The most calls in flight at one stop that were lost.
    pub(crate) most_lost_in_flight: u64,
    /// Lost calls that were in flight at no stop.
    pub(crate) lost_otherwise: u64,
}

/// What a frozen server did to a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Frozen {
    /// When the last call was lost, counted from the stop; 0 when none was.
    pub(crate) last_loss_ms: u64,
    pub(crate) p99_before_us: u64,
    /// Of the answered calls that began after the stop.
    pub(crate) p99_after_us: u64,
}

impl Frozen {
    pub(crate) fn p99_ratio(&self) -> f64 {
        self.p99_after_us as f64 / self.p99_before_us.max(1) as f64
    }
}

impl Figures {
    /// Computes them all.
    pub(crate) fn new(calls: &[Call], timeline: &Timeline, connects: Option<u64>) -> Self {
        let answered = || calls.iter().filter(|call| !call.is_lost());
        let mut lost_as = BTreeMap::new();
        for call in calls.iter().filter(|call| call.is_lost()) {
            *lost_as.entry(code_name(call.code)).or_default() += 1;
        }
        let mut latencies: Vec<_> = answered().map(|call| call.latency_us).collect();
        latencies.sort_unstable();
        Self {
            calls: calls.len() as u64,
            lost: lost_as.values().sum(),
            lost_as,
            seconds: timeline.seconds(),
            calls_per_second: latencies.len() as f64 / timeline.seconds().max(f64::MIN_POSITIVE),
            p50_us: percentile(&latencies, 0.5),
            p99_us: percentile(&latencies, 0.99),
            max_us: latencies.last().copied().unwrap_or(0),
            share: share(answered(), timeline.servers),
            connects,
            restarts: (!timeline.restarts.is_empty()).then(|| restarts(calls, timeline)),
            frozen: timeline.frozen_us.map(|at| frozen(calls, at)),
            new_after_ms: timeline
                .resolved
                .map(|(at, first)| new_after_ms(calls, first..timeline.servers, at)),
        }
    }

    /// The victim's share of the answered calls.
    pub(crate) fn victims_share(&self) -> f64 {
        self.share.get(Fault::VICTIM).copied().unwrap_or(0.0)
    }

    /// Whether every lost call ended with this code.
    pub(crate) fn lost_only_as(&self, code: Code) -> bool {
        self.lost_as.keys().all(|lost| *lost == code_name(code as u8))
    }
}

/// The name of a code as the specification writes it.
fn code_name(code: u8) -> String {
    if code == NO_STATUS {
        return "NO_STATUS".to_owned();
    }
    let name = format!("{:?}", Code::from_i32(code.into()));
    // DeadlineExceeded => DEADLINE_EXCEEDED
    let mut upper = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

fn share<'a>(answered: impl Iterator<Item = &'a Call>, servers: usize) -> Vec<f64> {
    let mut counts = vec![0_u64; servers];
    for server in answered.filter_map(|call| call.server) {
        if let Some(count) = counts.get_mut(server) {
            *count += 1;
        }
    }
    let all = counts.iter().sum::<u64>().max(1);
    counts.into_iter().map(|count| count as f64 / all as f64).collect()
}

/// When a server first answered after a moment.
fn first_answer(calls: &[Call], server: usize, after_us: u64) -> Option<u64> {
    let answers = calls.iter().filter(|call| !call.is_lost() && call.server == Some(server));
    answers.map(Call::end_us).filter(|end| *end >= after_us).min()
}

/// How long after the news the last of the new servers had answered.
fn new_after_ms(calls: &[Call], mut new: Range<usize>, at: u64) -> Option<u64> {
    new.try_fold(0, |slowest, server| {
        let answer = first_answer(calls, server, at)?;
        Some(slowest.max(answer.saturating_sub(at) / 1000))
    })
}

fn restarts(calls: &[Call], timeline: &Timeline) -> Restarts {
    let mut figures = Restarts { count: timeline.restarts.len() as u64, ..Restarts::default() };
    let in_flight =
        |call: &Call, stop: u64| call.start_us <= stop + UNNOTICED_US && call.end_us() >= stop;
    for restart in &timeline.restarts {
        if let Some(answer) = first_answer(calls, restart.server, restart.back_us) {
            figures.back += 1;
            let took = (answer - restart.back_us) / 1000;
            figures.slowest_back_ms = figures.slowest_back_ms.max(took);
        }
        let lost = calls.iter().filter(|call| call.is_lost() && in_flight(call, restart.stop_us));
        figures.most_lost_in_flight = figures.most_lost_in_flight.max(lost.count() as u64);
    }
    let stops = || timeline.restarts.iter().map(|restart| restart.stop_us);
    let otherwise =
        calls.iter().filter(|call| call.is_lost() && !stops().any(|stop| in_flight(call, stop)));
    figures.lost_otherwise = otherwise.count() as u64;
    figures
}

fn frozen(calls: &[Call], at: u64) -> Frozen {
    let p99 = |chosen: &dyn Fn(&Call) -> bool| {
        let mut latencies: Vec<_> = calls
            .iter()
            .filter(|call| !call.is_lost() && chosen(call))
            .map(|call| call.latency_us)
            .collect();
        latencies.sort_unstable();
        percentile(&latencies, 0.99)
    };
    let losses = calls.iter().filter(|call| call.is_lost()).map(Call::end_us);
    Frozen {
        last_loss_ms: losses.max().map_or(0, |end| end.saturating_sub(at) / 1000),
        p99_before_us: p99(&|call| call.end_us() < at),
        p99_after_us: p99(&|call| call.start_us >= at),
    }
}
