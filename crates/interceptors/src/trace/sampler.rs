//! Which traces are exported; decided before anything is built.

use super::{TraceContext, TraceId};

/// Which traces are exported. Source: OpenTelemetry SDK, "Built-in samplers".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// What trace ids are compared with; `1 << 63`: every trace.
    bound: u64,
    parent_based: bool,
}

/// A ratio is a number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the part of traces that are exported is a number from 0 to 1")]
pub struct InvalidRatio;

impl Sampler {
    /// Exports this part of all traces, told by their id, so that every process decides alike, without asking what a caller has decided.
    ///
    /// # Errors
    /// When the ratio is not a number from 0 to 1.
    pub fn ratio(ratio: f64) -> Result<Self, InvalidRatio> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(InvalidRatio);
        }
        Ok(Self { bound: (ratio * (1_u64 << 63) as f64) as u64, parent_based: false })
    }

    /// Exports no trace.
    pub fn never() -> Self {
        Self { bound: 0, parent_based: false }
    }

    /// Does as the caller has decided, and decides only where a trace begins.
    #[must_use]
    pub fn parent_based(self) -> Self {
        Self { parent_based: true, ..self }
    }

    pub(super) fn samples(self, trace: TraceId, parent: Option<&TraceContext>) -> bool {
        match parent {
            Some(parent) if self.parent_based => parent.sampled,
            // The lower half of the id without its last bit, as in the SDKs of OpenTelemetry.
            _ => (trace.get() as u64) >> 1 < self.bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::SpanId;

    #[test]
    fn so_many_traces_are_sampled_and_the_same_ones_everywhere() {
        let mut random = fastrand::Rng::with_seed(7);
        let traces: Vec<_> =
            (0..100_000).map(|_| TraceId::new(random.u128(1..)).unwrap()).collect();
        for (ratio, least, most) in
            [(0.0, 0, 0), (0.01, 900, 1100), (0.5, 49_000, 51_000), (1.0, 100_000, 100_000)]
        {
            let sampler = Sampler::ratio(ratio).unwrap();
            let sampled = traces.iter().filter(|trace| sampler.samples(**trace, None)).count();
            assert!((least..=most).contains(&sampled), "{ratio}: {sampled}");
        }
        assert_eq!([-0.1, 1.1, f64::NAN].map(|ratio| Sampler::ratio(ratio).is_err()), [true; 3]);
    }

    #[test]
    fn a_caller_decides_for_those_it_calls_if_it_is_asked() {
        let trace = TraceId::new(1).unwrap();
        for sampled in [true, false] {
            let span = SpanId::new(1).unwrap();
            let parent = TraceContext { trace, span, sampled, state: None, baggage: None };
            let never = Sampler::ratio(0.0).unwrap();
            assert_eq!(never.parent_based().samples(trace, Some(&parent)), sampled);
            assert!(!never.samples(trace, Some(&parent)));
            let always = Sampler::ratio(1.0).unwrap();
            assert_eq!(always.parent_based().samples(trace, Some(&parent)), sampled);
            assert!(always.samples(trace, Some(&parent)));
        }
    }
}
