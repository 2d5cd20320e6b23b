//! The bars as comparisons; `faults.rs` has them in words.

use serde::Serialize;
use tonic::Code;

use crate::lab::faults::Fault;
use crate::lab::figures::{Figures, Frozen, Restarts};
use crate::lab::strategies::Strategy;

/// One bar, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) bar: String,
    pub(crate) seen: String,
    pub(crate) met: bool,
}

/// How far a share of round_robin may be from an even one, of 1.
const EVEN: f64 = 0.02;
/// When calls to a frozen server are lost at the latest: keepalive's time and timeout, 1 s each, and a tenth for timers.
const NOTICED_MS: u64 = 2100;
const P99_TIMES: f64 = 3.0;
const SLOW_SHARE: f64 = 0.05;
const NEW_AFTER_MS: u64 = 1000;
/// The backoff of a gRPC client, in seconds. Source: grpc/grpc `doc/connection-backoff.md`.
const INITIAL_BACKOFF: f64 = 1.0;
const BACKOFF_MULTIPLIER: f64 = 1.6;
const MAX_BACKOFF: f64 = 120.0;
/// Each wait has a jitter of a fifth; the sum of several is rarely more than a tenth short.
const BACKOFF_JITTER: f64 = 0.9;

/// The bars of one of our strategies under a fault; of a stock strategy none.
pub(crate) fn checks(
    fault: Fault,
    strategy: &Strategy,
    figures: &Figures,
    workers: u32,
) -> Vec<Check> {
    if !strategy.is_ours() {
        return Vec::new();
    }
    let may_lose = matches!(fault, Fault::Sigkill | Fault::Frozen) && !strategy.retries();
    let mut checks = if may_lose {
        // Each connection notices by itself: a worker that one has freed may be lost on another.
        let most = if strategy.has_pool() { 2 * workers } else { workers };
        vec![only_unavailable(figures), lost_at_most(most, figures)]
    } else {
        vec![nothing_lost(figures)]
    };
    if let Some(restarts) = figures.restarts.filter(|_| may_lose) {
        // Six kills may each cost what one freeze may.
        checks.truncate(1);
        checks.extend(only_in_flight(restarts, workers));
    }
    if fault == Fault::None && strategy.takes_turns() {
        checks.push(even(figures));
    }
    if let Some(connects) = figures.connects {
        checks.push(backed_off(connects, figures.seconds));
    }
    if let Some(frozen) = figures.frozen {
        checks.push(noticed(frozen));
        checks.extend(strategy.counts_requests().then(|| undisturbed(frozen)));
    }
    if fault == Fault::Slow && strategy.counts_requests() {
        checks.push(avoided(figures));
    }
    checks.extend(figures.new_after_ms.map(taken_up));
    checks
}

fn check(bar: impl Into<String>, seen: impl Into<String>, met: bool) -> Check {
    Check { bar: bar.into(), seen: seen.into(), met }
}

fn nothing_lost(figures: &Figures) -> Check {
    let seen = format!("{} of {} lost{}", figures.lost, figures.calls, codes(figures));
    check("0 lost", seen, figures.lost == 0 && figures.calls > 0)
}

fn only_unavailable(figures: &Figures) -> Check {
    let seen = format!("{} of {} lost{}", figures.lost, figures.calls, codes(figures));
    let met = figures.lost_only_as(Code::Unavailable) && figures.calls > figures.lost;
    check("lost only as UNAVAILABLE", seen, met)
}

fn codes(figures: &Figures) -> String {
    let codes = figures.lost_as.iter().map(|(code, count)| format!(", {count} as {code}"));
    codes.collect()
}

fn lost_at_most(workers: u32, figures: &Figures) -> Check {
    let met = figures.lost <= workers.into();
    check(format!("at most {workers} lost"), format!("{} lost", figures.lost), met)
}

fn only_in_flight(restarts: Restarts, workers: u32) -> [Check; 2] {
    let Restarts { most_lost_in_flight: most, lost_otherwise: others, .. } = restarts;
    [
        check(
            format!("at most {workers} lost at a kill"),
            format!("{most} lost at one"),
            most <= workers.into(),
        ),
        check("only calls in flight at a kill lost", format!("{others} others lost"), others == 0),
    ]
}

fn even(figures: &Figures) -> Check {
    let fair = 1.0 / figures.share.len().max(1) as f64;
    let farthest = figures.share.iter().map(|share| (share - fair).abs()).fold(0.0, f64::max);
    check(
        "shares even within 2 points",
        format!("{:.1} points off", farthest * 100.0),
        farthest <= EVEN,
    )
}

fn backed_off(connects: u64, seconds: f64) -> Check {
    let allowed = connects_of_backoff(seconds);
    let bar = format!("at most {allowed} connects in {seconds:.0} s");
    check(bar, format!("{connects} connects"), connects <= allowed)
}

/// How many connects the backoff makes in a time.
pub(super) fn connects_of_backoff(seconds: f64) -> u64 {
    let (mut connects, mut at, mut wait) = (0, 0.0, INITIAL_BACKOFF);
    while at * BACKOFF_JITTER <= seconds {
        connects += 1;
        at += wait;
        wait = (wait * BACKOFF_MULTIPLIER).min(MAX_BACKOFF);
    }
    connects
}

fn noticed(frozen: Frozen) -> Check {
    check(
        format!("none lost later than {NOTICED_MS} ms after the stop"),
        format!("last lost after {} ms", frozen.last_loss_ms),
        frozen.last_loss_ms <= NOTICED_MS,
    )
}

fn undisturbed(frozen: Frozen) -> Check {
    let ratio = frozen.p99_ratio();
    check(
        format!("p99 at most {P99_TIMES} times that before"),
        format!("{ratio:.1} times"),
        ratio <= P99_TIMES && frozen.p99_after_us > 0,
    )
}

fn avoided(figures: &Figures) -> Check {
    let share = figures.victims_share();
    check("less than 5 % to the slow server", format!("{:.1} %", share * 100.0), share < SLOW_SHARE)
}

fn taken_up(new_after_ms: Option<u64>) -> Check {
    check(
        format!("new servers answer within {NEW_AFTER_MS} ms"),
        new_after_ms.map_or("one never did".to_owned(), |ms| format!("{ms} ms")),
        new_after_ms.is_some_and(|ms| ms <= NEW_AFTER_MS),
    )
}
