//! Two clients that were measured in turn, compared.

use serde::Serialize;

use crate::lab::bars::Check;
use crate::lab::figures::median;
use crate::lab::protocol::Totals;
use crate::lab::ratio::Ratio;

/// At least this part of the other's calls, and at most one over this part of its CPU time, is as good: no finer than what a shared machine tells.
const AS_GOOD: f64 = 0.97;

/// One client of a pair, in the middle of its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Side {
    pub(super) calls_per_second: f64,
    /// CPU time of the client's process for a call.
    pub(super) cpu_us: f64,
}

/// What is ours as a multiple of what is tonic's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Comparison {
    pub(super) tonic: Side,
    pub(super) ours: Side,
    pub(super) calls_ratio: Ratio,
    pub(super) cpu_ratio: Ratio,
    pub(super) checks: [Check; 2],
}

/// What a side did in a round.
fn side(totals: &Totals) -> Side {
    Side {
        calls_per_second: totals.calls as f64 / totals.seconds,
        cpu_us: totals.cpu_seconds * 1e6 / totals.calls.max(1) as f64,
    }
}

/// Compares rounds of tonic's totals and ours.
pub(super) fn compare(rounds: &[(Totals, Totals)]) -> Comparison {
    let rounds: Vec<_> = rounds.iter().map(|(tonic, ours)| (side(tonic), side(ours))).collect();
    let middle = |of: fn(&(Side, Side)) -> f64| median(rounds.iter().map(of).collect());
    let ratio = |of: fn(&(Side, Side)) -> f64| Ratio::of(rounds.iter().map(of));
    let calls_ratio = ratio(|(tonic, ours)| ours.calls_per_second / tonic.calls_per_second);
    let cpu_ratio = ratio(|(tonic, ours)| ours.cpu_us / tonic.cpu_us);
    let check = |bar: String, seen: Ratio, met| Check { bar, seen: seen.to_string(), met };
    Comparison {
        tonic: Side {
            calls_per_second: middle(|(tonic, _)| tonic.calls_per_second),
            cpu_us: middle(|(tonic, _)| tonic.cpu_us),
        },
        ours: Side {
            calls_per_second: middle(|(_, ours)| ours.calls_per_second),
            cpu_us: middle(|(_, ours)| ours.cpu_us),
        },
        calls_ratio,
        cpu_ratio,
        checks: [
            check(
                format!("at least {AS_GOOD} of tonic's calls"),
                calls_ratio,
                calls_ratio.median >= AS_GOOD,
            ),
            check(
                format!("at most {:.2} times tonic's CPU time", 1.0 / AS_GOOD),
                cpu_ratio,
                cpu_ratio.median <= 1.0 / AS_GOOD,
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(calls: u64, cpu_seconds: f64) -> Totals {
        Totals { calls, lost: 0, seconds: 2.0, cpu_seconds }
    }

    #[test]
    fn a_disturbed_round_does_not_count_and_ratios_are_those_within_a_round() {
        let rounds = [
            (totals(200_000, 1.6), totals(220_000, 1.65)),
            (totals(100_000, 0.8), totals(110_000, 0.825)), // the machine was busy for both
            (totals(200_000, 1.6), totals(20_000, 1.6)),    // and for one of them
        ];
        let compared = compare(&rounds);
        assert_eq!(compared.tonic.calls_per_second, 100_000.0);
        assert_eq!(compared.ours.calls_per_second, 55_000.0);
        assert!((compared.tonic.cpu_us - 8.0).abs() < 1e-9, "{compared:?}");
        assert!((compared.calls_ratio.median - 1.1).abs() < 1e-9, "{compared:?}");
        assert!((compared.cpu_ratio.median - 0.9375).abs() < 1e-9, "{compared:?}");
        assert_eq!(compared.calls_ratio.to_string(), "x1.100 (0.10 to 1.10)");
        let met = compared.checks.clone().map(|check| check.met);
        assert_eq!(met, [true, true]);
    }

    #[test]
    fn as_good_is_within_three_parts_of_a_hundred() {
        for (calls, cpu_seconds, met) in [
            (97_000, 0.97 * 0.8, [true, true]),
            (96_000, 0.96 * 0.8, [false, true]),
            (100_000, 0.8 * 1.02, [true, true]),
            (100_000, 0.8 * 1.04, [true, false]),
        ] {
            let compared = compare(&[(totals(100_000, 0.8), totals(calls, cpu_seconds))]);
            assert_eq!(compared.checks.map(|check| check.met), met, "{calls} {cpu_seconds}");
        }
    }
}
