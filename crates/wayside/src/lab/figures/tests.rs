use super::*;
use crate::lab::protocol::{Call, NO_STATUS};

const UNAVAILABLE: u8 = 14;
const MS: u64 = 1000;

fn answered(start_ms: u64, latency_ms: u64, server: usize) -> Call {
    let (start_us, latency_us) = (start_ms * MS, latency_ms * MS);
    Call { start_us, latency_us, server: Some(server), code: 0 }
}

fn lost(start_ms: u64, latency_ms: u64, code: u8) -> Call {
    Call { server: None, code, ..answered(start_ms, latency_ms, 0) }
}

/// Ten seconds with three servers.
fn timeline() -> Timeline {
    Timeline { ended_us: 10_000 * MS, servers: 3, ..Timeline::default() }
}

#[test]
fn calls_are_counted_by_code_and_by_server() {
    let calls = [
        answered(0, 20, 0),
        answered(0, 30, 1),
        answered(0, 40, 1),
        answered(0, 90, 2),
        lost(0, 5000, 4),
        lost(0, 6000, NO_STATUS),
        lost(0, 1, UNAVAILABLE),
        lost(0, 1, UNAVAILABLE),
    ];
    let figures = Figures::new(&calls, &timeline(), Some(3));
    assert_eq!((figures.calls, figures.lost), (8, 4));
    let expected = [("DEADLINE_EXCEEDED", 1), ("NO_STATUS", 1), ("UNAVAILABLE", 2)];
    let expected = expected.map(|(code, count)| (code.to_owned(), count));
    assert!(figures.lost_as.clone().into_iter().eq(expected), "{:?}", figures.lost_as);
    assert_eq!((figures.p50_us, figures.p99_us, figures.max_us), (30 * MS, 90 * MS, 90 * MS));
    assert_eq!(figures.share, [0.25, 0.5, 0.25]);
    assert_eq!(figures.calls_per_second, 0.4, "lost calls are no throughput");
    assert_eq!(figures.connects, Some(3));
    assert_eq!((figures.restarts, figures.frozen, figures.new_after_ms), (None, None, None));
}

#[test]
fn no_call_at_all_is_figures_of_zero() {
    let figures = Figures::new(&[], &Timeline::default(), None);
    assert_eq!((figures.calls, figures.p99_us, figures.calls_per_second), (0, 0, 0.0));
}

#[test]
fn lost_calls_are_told_apart_by_whether_they_were_in_flight_at_a_stop() {
    let restart = |server, stop_ms: u64| Restart {
        server,
        stop_us: stop_ms * MS,
        back_us: (stop_ms + 500) * MS,
    };
    let timeline = Timeline { restarts: vec![restart(0, 1000), restart(1, 3000)], ..timeline() };
    let calls = [
        lost(990, 11, UNAVAILABLE),  // in flight at the first stop
        lost(1090, 10, UNAVAILABLE), // begun when no client could know of it
        lost(1110, 10, UNAVAILABLE), // begun when every client could
        lost(900, 99, UNAVAILABLE),  // over before
        lost(2990, 20, UNAVAILABLE), // in flight at the second stop
        answered(1400, 10, 0),       // by the old server, which drains
        answered(1690, 20, 0),       // by the new one
        answered(9000, 10, 0),
    ];
    let restarts = Figures::new(&calls, &timeline, None).restarts.unwrap();
    let expected = Restarts {
        count: 2,
        back: 1,
        slowest_back_ms: 210,
        most_lost_in_flight: 2,
        lost_otherwise: 2,
    };
    assert_eq!(restarts, expected);
}

#[test]
fn a_freeze_is_measured_from_the_stop_and_compares_later_answers_with_earlier_ones() {
    let timeline = Timeline { frozen_us: Some(5000 * MS), ..timeline() };
    let calls = [
        answered(1000, 20, 0),
        answered(4990, 20, 1), // spans the stop: neither before nor after
        answered(6000, 50, 1),
        lost(4995, 2000, UNAVAILABLE),
        lost(5500, 1510, UNAVAILABLE),
    ];
    let frozen = Figures::new(&calls, &timeline, None).frozen.unwrap();
    let expected = Frozen { last_loss_ms: 2010, p99_before_us: 20 * MS, p99_after_us: 50 * MS };
    assert_eq!(frozen, expected);
    assert_eq!(frozen.p99_ratio(), 2.5);
}

#[test]
fn a_server_is_new_until_it_answers_and_the_slowest_counts() {
    let timeline = Timeline { servers: 5, resolved: Some((5000 * MS, 3)), ..timeline() };
    let mut calls = vec![answered(5100, 20, 3), answered(5600, 20, 4), answered(5000, 1, 0)];
    assert_eq!(Figures::new(&calls, &timeline, None).new_after_ms, Some(Some(620)));
    calls.remove(1);
    assert_eq!(Figures::new(&calls, &timeline, None).new_after_ms, Some(None), "one never did");
}
