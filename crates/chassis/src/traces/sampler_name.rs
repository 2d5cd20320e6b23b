//! The samplers that an option may name.

use clap::ValueEnum;
use wayside_interceptors::trace::Sampler;

/// The samplers of OpenTelemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SamplerName {
    /// Every trace.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A part of all traces.
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// As the caller has decided, else every trace.
    #[default]
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// As the caller has decided, else none.
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// As the caller has decided, else a part of all traces.
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

impl SamplerName {
    /// The sampler, which exports `ratio` of all traces if it is one of those that export a part.
    pub(crate) fn sampler(self, ratio: f64) -> Sampler {
        let ratio = match self {
            Self::AlwaysOn | Self::ParentBasedAlwaysOn => 1.0,
            Self::AlwaysOff | Self::ParentBasedAlwaysOff => 0.0,
            Self::TraceIdRatio | Self::ParentBasedTraceIdRatio => ratio,
        };
        // The option is read by the same rule.
        let sampler = Sampler::ratio(ratio).unwrap_or_else(|_| Sampler::never());
        match self {
            Self::AlwaysOn | Self::AlwaysOff | Self::TraceIdRatio => sampler,
            Self::ParentBasedAlwaysOn
            | Self::ParentBasedAlwaysOff
            | Self::ParentBasedTraceIdRatio => sampler.parent_based(),
        }
    }
}
