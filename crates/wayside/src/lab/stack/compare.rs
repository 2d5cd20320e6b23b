//! Servers that were measured in turn, compared.

use serde::Serialize;

use super::rows::Row;
use crate::lab::bars::Check;
use crate::lab::figures::median;
use crate::lab::ratio::Ratio;

/// A server in a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) calls_per_second: f64,
    /// CPU time of the server's process for a call.
    pub(super) cpu_us: f64,
    /// CPU time of the client's process for a call.
    pub(super) client_cpu_us: f64,
    /// Spans that have not come to the collector, where there is one for each call.
    pub(super) spans_lost: Option<u64>,
}

/// A server in the middle of its rounds, and as a part of the one that it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Compared {
    pub(super) server: &'static str,
    /// The one that it is compared with.
    pub(super) of: &'static str,
    #[serde(flatten)]
    pub(super) middle: Measured,
    /// The other server's CPU time for a call over this one's.
    pub(super) cpu_kept: Ratio,
    /// This one's calls per second over the other server's.
    pub(super) calls_kept: Ratio,
    pub(super) check: Option<Check>,
}

/// Compares rounds, each with what was measured of every row, in the order of `rows`.
pub(super) fn compare(rows: &'static [Row], rounds: &[Vec<Measured>]) -> Vec<Compared> {
    let compared = rows.iter().enumerate().map(|(index, row)| {
        let other = rows.iter().position(|other| other.name == row.of).unwrap_or_default();
        let middle = |of: fn(&Measured) -> f64| {
            median(rounds.iter().map(|round| of(&round[index])).collect())
        };
        let kept = |of: fn(&Measured, &Measured) -> f64| {
            Ratio::of(rounds.iter().map(|round| of(&round[index], &round[other])))
        };
        let cpu_kept = kept(|this, other| other.cpu_us / this.cpu_us);
        Compared {
            server: row.name,
            of: row.of,
            middle: Measured {
                calls_per_second: middle(|of| of.calls_per_second),
                cpu_us: middle(|of| of.cpu_us),
                client_cpu_us: middle(|of| of.client_cpu_us),
                spans_lost: rounds.iter().map(|round| round[index].spans_lost).sum(),
            },
            cpu_kept,
            calls_kept: kept(|this, other| this.calls_per_second / other.calls_per_second),
            check: row.bar.map(|bar| Check {
                bar: format!("at least {bar:.2} of {} by CPU time", row.of),
                seen: cpu_kept.to_string(),
                met: cpu_kept.median >= bar,
            }),
        }
    });
    compared.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::stack::ROWS;

    fn measured(cpu_us: f64) -> Measured {
        Measured { calls_per_second: 1e6 / cpu_us, cpu_us, client_cpu_us: 9.0, spans_lost: None }
    }

    #[test]
    fn a_server_is_held_to_its_part_of_another_one_in_the_same_round() {
        // Stock, bare, quiet, full, with one trace of a hundred, with all; the machine is twice as slow in the second round, and disturbs one server in the third.
        let rounds = [
            [5.0, 6.0, 7.0, 9.0, 9.0, 12.0],
            [10.0, 12.0, 14.0, 18.0, 18.0, 24.0],
            [5.0, 6.0, 60.0, 9.0, 10.0, 90.0],
        ];
        let rounds = rounds.map(|round| round.map(measured).to_vec());
        let compared = compare(&ROWS, &rounds);
        let [stock, bare, quiet, full, _, traced] = &compared[..] else { panic!("{compared:?}") };
        assert_eq!((stock.cpu_kept.median, bare.cpu_kept.median), (1.2, 1.0));
        assert_eq!(quiet.cpu_kept.to_string(), "x0.857 (0.10 to 0.86)");
        assert_eq!(quiet.middle.cpu_us, 14.0);
        assert_eq!((traced.of, traced.cpu_kept.median), ("full", 0.75));
        assert!((full.calls_kept.median - 2.0 / 3.0).abs() < 1e-9, "{full:?}");
        let met = |compared: &Compared| compared.check.as_ref().map(|check| check.met);
        assert_eq!(
            compared.iter().map(met).collect::<Vec<_>>(),
            [None, None, Some(true), Some(false), Some(true), Some(true)]
        );
    }
}
