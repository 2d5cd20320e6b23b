use super::check::connects_of_backoff;
use super::*;
use crate::lab::faults::Fault;
use crate::lab::figures::{Figures, Frozen, Restarts};
use crate::lab::strategies::Strategy;

const WORKERS: u32 = 20;

fn figures() -> Figures {
    let share = vec![0.33, 0.33, 0.34];
    Figures { calls: 1000, seconds: 60.0, calls_per_second: 100.0, share, ..Figures::default() }
}

fn lost(count: u64, code: &str) -> Figures {
    Figures { lost: count, lost_as: [(code.to_owned(), count)].into(), ..figures() }
}

/// The bars that a strategy misses, by what was seen.
fn missed(fault: Fault, strategy: &str, figures: &Figures) -> Vec<String> {
    let strategy = Strategy::named(strategy).unwrap();
    let checks = checks(fault, strategy, figures, WORKERS);
    assert_eq!(checks.is_empty(), !strategy.is_ours());
    checks.into_iter().filter(|check| !check.met).map(|check| check.seen).collect()
}

#[test]
fn a_lost_call_is_a_miss_where_none_may_be_lost_and_names_the_code() {
    for fault in
        [Fault::None, Fault::Sigterm, Fault::Refused, Fault::Dead, Fault::Slow, Fault::Scale]
    {
        assert!(missed(fault, "round_robin", &figures()).is_empty(), "{fault:?}");
        let seen = missed(fault, "round_robin", &lost(1, "CANCELLED"));
        assert_eq!(seen, ["1 of 1000 lost, 1 as CANCELLED"], "{fault:?}");
    }
    assert_eq!(missed(Fault::Sigkill, "round_robin-retry", &lost(1, "UNAVAILABLE")).len(), 1);
}

#[test]
fn a_client_that_made_no_call_has_not_kept_its_promise() {
    for fault in Fault::all() {
        assert!(!missed(*fault, "round_robin", &Figures::default()).is_empty(), "{fault:?}");
    }
}

#[test]
fn stock_strategies_have_no_bar() {
    assert!(missed(Fault::Sigterm, "tonic-balance", &lost(999, "CANCELLED")).is_empty());
}

#[test]
fn a_kill_may_cost_what_is_in_flight_and_as_unavailable_only() {
    let killed = |most, others| Figures {
        restarts: Some(Restarts {
            count: 6,
            most_lost_in_flight: most,
            lost_otherwise: others,
            ..Restarts::default()
        }),
        ..lost(90, "UNAVAILABLE")
    };
    let miss = |figures| missed(Fault::Sigkill, "round_robin", &figures);
    assert!(miss(killed(20, 0)).is_empty(), "90 in six kills are fewer than 20 at each");
    assert_eq!(miss(killed(21, 0)), ["21 lost at one"]);
    assert_eq!(miss(killed(20, 1)), ["1 others lost"]);
    let cancelled = Figures { lost_as: [("CANCELLED".to_owned(), 90)].into(), ..killed(1, 0) };
    assert_eq!(miss(cancelled), ["90 of 1000 lost, 90 as CANCELLED"]);
}

#[test]
fn round_robin_is_even_within_two_points() {
    let shared = |share: &[f64]| Figures { share: share.to_vec(), ..figures() };
    assert!(missed(Fault::None, "round_robin", &shared(&[0.35, 0.33, 0.32])).is_empty());
    assert_eq!(missed(Fault::None, "round_robin", &shared(&[0.36, 0.32, 0.32])).len(), 1);
    assert!(missed(Fault::None, "pick_first", &shared(&[1.0, 0.0, 0.0])).is_empty());
}

#[test]
fn connects_are_those_of_the_backoff_of_the_specification() {
    // 0, 1, 2.6, 5.2, 9.2, 15.8, 26.3, 43.1 and 70 s, with a tenth of jitter.
    for (seconds, connects) in [(0.0, 1), (0.5, 1), (1.0, 2), (20.0, 6), (60.0, 8), (120.0, 10)] {
        assert_eq!(connects_of_backoff(seconds), connects, "{seconds}");
    }
    let connected = |connects| Figures { connects: Some(connects), ..figures() };
    assert!(missed(Fault::Dead, "round_robin", &connected(8)).is_empty());
    assert_eq!(missed(Fault::Dead, "round_robin", &connected(9)), ["9 connects"]);
}

#[test]
fn a_frozen_server_costs_one_call_a_worker_until_keepalive_notices() {
    let frozen = |last_loss_ms, p99_after_us, lost_calls| Figures {
        frozen: Some(Frozen { last_loss_ms, p99_before_us: 1000, p99_after_us }),
        ..lost(lost_calls, "UNAVAILABLE")
    };
    let miss = |strategy, figures| missed(Fault::Frozen, strategy, &figures);
    assert!(miss("round_robin", frozen(2100, 9000, 20)).is_empty());
    assert_eq!(miss("round_robin", frozen(2101, 9000, 20)), ["last lost after 2101 ms"]);
    assert_eq!(miss("round_robin", frozen(2000, 9000, 21)), ["21 lost"]);
    assert!(miss("least_request", frozen(2000, 3000, 20)).is_empty());
    assert_eq!(miss("least_request", frozen(2000, 3100, 20)), ["3.1 times"]);
    assert_eq!(miss("least_request", frozen(2000, 0, 20)), ["0.0 times"], "nothing was answered");
}

#[test]
fn least_request_avoids_a_slow_server_and_others_need_not() {
    let slow = |share| Figures { share: vec![share, 0.5, 0.5], ..figures() };
    assert!(missed(Fault::Slow, "least_request", &slow(0.049)).is_empty());
    assert_eq!(missed(Fault::Slow, "least_request", &slow(0.05)), ["5.0 %"]);
    assert!(missed(Fault::Slow, "round_robin", &slow(0.33)).is_empty());
}

#[test]
fn new_servers_answer_within_a_second() {
    let after = |ms| Figures { new_after_ms: Some(ms), ..figures() };
    assert!(missed(Fault::Scale, "round_robin", &after(Some(1000))).is_empty());
    assert_eq!(missed(Fault::Scale, "round_robin", &after(Some(1001))), ["1001 ms"]);
    assert_eq!(missed(Fault::Scale, "round_robin", &after(None)), ["one never did"]);
}
