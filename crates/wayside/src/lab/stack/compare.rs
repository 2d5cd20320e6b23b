//! Servers that were measured in turn, compared.

use serde::Serialize;

use super::rows::{BARE, Row};
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
}

/// A server in the middle of its rounds, and as a part of the bare one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Compared {
    pub(super) server: &'static str,
    #[serde(flatten)]
    pub(super) middle: Measured,
    /// The bare server's CPU time for a call over this one's.
    pub(super) cpu_kept: Ratio,
    /// This one's calls per second over the bare server's.
    pub(super) calls_kept: Ratio,
    pub(super) check: Option<Check>,
}

/// Compares rounds, each with what was measured of every row, in the order of `rows`.
pub(super) fn compare(rows: &'static [Row], rounds: &[Vec<Measured>]) -> Vec<Compared> {
    let bare = rows.iter().position(|row| row.name == BARE).unwrap_or_default();
    let compared = rows.iter().enumerate().map(|(index, row)| {
        let middle = |of: fn(&Measured) -> f64| {
            median(rounds.iter().map(|round| of(&round[index])).collect())
        };
        let kept = |of: fn(&Measured, &Measured) -> f64| {
            Ratio::of(rounds.iter().map(|round| of(&round[index], &round[bare])))
        };
        let cpu_kept = kept(|this, bare| bare.cpu_us / this.cpu_us);
        Compared {
            server: row.name,
            middle: Measured {
                calls_per_second: middle(|of| of.calls_per_second),
                cpu_us: middle(|of| of.cpu_us),
                client_cpu_us: middle(|of| of.client_cpu_us),
            },
            cpu_kept,
            calls_kept: kept(|this, bare| this.calls_per_second / bare.calls_per_second),
            check: row.bar.map(|bar| Check {
                bar: format!("at least {bar:.2} of the bare server by CPU time"),
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
        Measured { calls_per_second: 1e6 / cpu_us, cpu_us, client_cpu_us: 9.0 }
    }

    #[test]
    fn a_server_is_held_to_its_part_of_the_bare_one_in_the_same_round() {
        // Stock, bare, quiet, full; the machine is twice as slow in the second round, and disturbs one server in the third.
        let rounds = [[5.0, 6.0, 7.0, 9.0], [10.0, 12.0, 14.0, 18.0], [5.0, 6.0, 60.0, 9.0]];
        let rounds = rounds.map(|round| round.map(measured).to_vec());
        let compared = compare(&ROWS, &rounds);
        let [stock, bare, quiet, full] = &compared[..] else { panic!("{compared:?}") };
        assert_eq!((stock.cpu_kept.median, bare.cpu_kept.median), (1.2, 1.0));
        assert_eq!(quiet.cpu_kept.to_string(), "x0.857 (0.10 to 0.86)");
        assert_eq!(quiet.middle.cpu_us, 14.0);
        assert!((full.calls_kept.median - 2.0 / 3.0).abs() < 1e-9, "{full:?}");
        let met = |compared: &Compared| compared.check.as_ref().map(|check| check.met);
        assert_eq!(
            compared.iter().map(met).collect::<Vec<_>>(),
            [None, None, Some(true), Some(false)]
        );
    }
}
