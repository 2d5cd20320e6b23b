//! `weighted_round_robin`: every READY endpoint in turn, more often the more calls its servers take for the load they report. Source: gRFC A58, A114.
//!
//! Reports come with the trailers of calls, or, with `enableOobLoadReport`, on a stream of their own (A51); both end in `EndpointWeight::report`. Every
//! `weightUpdatePeriod` the policy looks at the weights, counts what it finds (A78), and makes a new picker if they say something else.

mod config;
mod counts;
mod endpoint_weight;
mod policy;
#[cfg(test)]
mod tests;
mod utilization;

pub(crate) use config::Config;
pub(crate) use counts::WeightCounts;
pub use counts::{WEIGHT_BOUNDS, WeightsSnapshot};
pub(crate) use policy::WeightedRoundRobin;
