//! `wayside lab throughput`: ours beside tonic's, taking turns.

mod compare;
mod report;
mod run;

pub(crate) use run::throughput;
