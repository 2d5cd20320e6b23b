//! `wayside lab overload`: a server that is asked for more than it can do, with and without load shedding.

mod figures;
mod report;
mod run;

pub(crate) use run::overload;
