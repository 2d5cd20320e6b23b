//! What calls share without a lock, on every thread that makes some.
//!
//! The files take their atomics from `sync` and nothing else from this crate: `tests/loom.rs` compiles them a second time, against atomics that go through
//! every interleaving of two or three threads. That is also why their unit tests are not in them.

mod in_flight;
mod reported_weight;
mod stride;
mod sync;
#[cfg(test)]
mod tests;
mod turns;

pub(crate) use in_flight::InFlight;
pub(crate) use reported_weight::{ReportedWeight, Unusable};
pub(crate) use stride::Stride;
pub(crate) use turns::Turns;
