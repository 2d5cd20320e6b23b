//! From load reports to weights.

use wayside_balance::Endpoint;

/// The weight of a server whose load is the mean of all. Large enough for differences of a percent.
const MEAN_WEIGHT: f64 = 100.0;
/// By how much a weight has to differ from the one that clients have before they are told: loads change with every report.
const WORTH_TELLING: f64 = 0.1;

/// How busy a server says that it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) utilization: f64,
    pub(crate) rps: f64,
    pub(crate) eps: f64,
}

impl Load {
    /// The calls a second that the server would take at full use, with failures counted as use. Source: gRFC A58, with its default penalty of 1.
    ///
    /// `None` when the report says nothing: an idle server, or numbers that are none.
    pub(super) fn weight(self) -> Option<f64> {
        let Self { utilization, rps, eps } = self;
        let usable = |number: f64| number.is_finite() && number >= 0.0;
        if ![utilization, rps, eps].into_iter().all(usable) || rps == 0.0 || utilization == 0.0 {
            return None;
        }
        let weight = rps / (utilization + eps / rps);
        weight.is_finite().then_some(weight)
    }
}

/// Gives each endpoint the weight that its report amounts to, relative to the others; who has not reported counts as the mean of those who have (A58). Nothing
/// changes where nobody has.
pub(super) fn weigh(endpoints: &mut [Endpoint], reported: &[Option<f64>]) {
    let known: Vec<f64> = reported.iter().copied().flatten().collect();
    if known.is_empty() {
        return;
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    for (endpoint, reported) in endpoints.iter_mut().zip(reported) {
        let share = reported.map_or(1.0, |weight| weight / mean);
        // As a cast, this is bounded by the number of endpoints, which the mean is over.
        endpoint.weight = ((MEAN_WEIGHT * share).round() as u32).max(1);
    }
}

/// Whether clients should get the new weights of what is otherwise the same list.
pub(super) fn worth_telling(old: &[Endpoint], new: &[Endpoint]) -> bool {
    let same = |old: &Endpoint, new: &Endpoint| {
        Endpoint { weight: 0, ..old.clone() } == Endpoint { weight: 0, ..new.clone() }
    };
    let near = |old: u32, new: u32| {
        f64::from(old.abs_diff(new)) <= WORTH_TELLING * f64::from(old.max(new))
    };
    old.len() != new.len()
        || old.iter().zip(new).any(|(old, new)| !same(old, new) || !near(old.weight, new.weight))
}
