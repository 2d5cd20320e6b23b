//! `wayside up`: every server in one process, on one machine, for one person.

mod args;
mod demo;
mod layout;
mod run;
mod samples;
mod tls;
mod welcome;

pub(crate) use args::UpArgs;
pub(crate) use run::up;
