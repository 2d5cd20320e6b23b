//! `wayside lab-client`: one strategy that calls, in a process of its own, so that its CPU time is its own and its end nobody else's.

mod caller;
mod load;
mod measure;
mod run;
mod tonic_clients;

pub(crate) use run::{SUBCOMMAND, client_process};
