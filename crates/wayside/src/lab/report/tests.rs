use serde_json::Value;

use super::*;
use crate::lab::bars::Check;
use crate::lab::experiment::{Outcome, Row};
use crate::lab::faults::Fault;
use crate::lab::figures::{Figures, Frozen, Restarts};
use crate::lab::stage::Backend;
use crate::lab::strategies::{STRATEGIES, Strategy};

fn row(fault: Fault, strategy: &str, figures: Figures, met: bool) -> Row {
    let strategy = Strategy::named(strategy).unwrap();
    let check = Check { bar: "0 lost".into(), seen: "1 of 9 lost".into(), met };
    let checks = if strategy.is_ours() { vec![check] } else { Vec::new() };
    Row { fault, strategy, outcome: Outcome::Ran { figures: Box::new(figures), checks } }
}

fn unable(fault: Fault, strategy: &str) -> Row {
    let strategy = Strategy::named(strategy).unwrap();
    Row { fault, strategy, outcome: Outcome::Unable("no Python".into()) }
}

/// Figures in which everything is as long as it gets.
fn long_figures() -> Figures {
    Figures {
        calls: 123_456,
        lost: 100_000,
        lost_as: [("UNAVAILABLE".into(), 99_999), ("DEADLINE_EXCEEDED".into(), 1)].into(),
        calls_per_second: 12_345.6,
        p50_us: 21_499,
        p99_us: 4_999_999,
        max_us: 4_999_999,
        share: vec![1.0 / 3.0; 3],
        ..Figures::default()
    }
}

#[test]
fn the_document_has_a_row_for_each_with_figures_or_a_reason() {
    let rows = [
        row(Fault::Sigterm, "tonic-one", long_figures(), true),
        row(Fault::Sigterm, "round_robin", Figures::default(), false),
        unable(Fault::Sigterm, "grpcio"),
    ];
    let conditions = Conditions::here(Backend::Wayside, 20);
    let document: Value = serde_json::from_str(&document(&conditions, &rows).unwrap()).unwrap();
    assert_eq!(document["conditions"]["server"], "wayside");
    assert_eq!(document["conditions"]["workers"], 20);
    let [stock, ours, unable] = [0, 1, 2].map(|at| &document["rows"][at]);
    assert_eq!((&stock["fault"], &stock["strategy"]), (&"sigterm".into(), &"tonic-one".into()));
    assert_eq!(stock["figures"]["lost_as"]["UNAVAILABLE"], 99_999);
    assert_eq!(stock["figures"].get("connects"), None, "what a fault does not show is absent");
    assert_eq!((&stock["ours"], &ours["ours"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(ours["checks"][0]["met"], false);
    assert_eq!((&unable["unable"], unable.get("figures")), (&"no Python".into(), None));
    let missed = "sigterm, round_robin: 1 of 9 lost; the bar is 0 lost";
    assert_eq!(document["missed"], Value::from(vec![missed]));
}

#[test]
fn tables_fit_into_120_columns() {
    let restarts = Restarts { count: 6, back: 6, slowest_back_ms: 12_345, ..Restarts::default() };
    let frozen = Frozen { last_loss_ms: 12_345, p99_before_us: 1, p99_after_us: 123 };
    for fault in Fault::all() {
        let figures = match fault {
            Fault::Sigterm | Fault::Sigkill => {
                Figures { restarts: Some(restarts), ..long_figures() }
            }
            Fault::Frozen => Figures { frozen: Some(frozen), ..long_figures() },
            Fault::Dead => Figures { connects: Some(1_234_567), ..long_figures() },
            Fault::Scale => Figures {
                new_after_ms: Some(Some(12_345)),
                share: vec![1.0 / 6.0; 6],
                ..long_figures()
            },
            Fault::None | Fault::Refused | Fault::Slow => long_figures(),
        };
        let rows: Vec<_> = STRATEGIES
            .iter()
            .flat_map(|s| [row(*fault, s.name, figures.clone(), false), unable(*fault, s.name)])
            .collect();
        let text = table(*fault, &rows);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(WIDTH.into()), "{fault:?}: {widest:?}");
        for whole in ["MISSED", "DEADLINE_EXCEEDED", "round_robin-retry", "no Python."] {
            assert!(text.contains(whole), "{whole} is broken or missing: {text}");
        }
    }
}
