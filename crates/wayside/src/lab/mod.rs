//! `wayside lab`: strategies under faults, with real processes, so that anybody can reproduce what is claimed of Wayside.
//!
//! For each fault (`faults.rs`) it starts servers and a client for each strategy (`strategies.rs`), which are child processes of this very
//! program (`server/`, `client/`; the C core by `grpcio.rs`), does to the servers what the fault says (`script.rs`), and computes from every
//! single call (`protocol.rs`) what the table shows (`figures/`) and whether our own strategies reach their bar (`bars/`).

mod actor;
mod args;
mod bars;
mod client;
mod clock;
mod experiment;
mod explain;
mod faults;
mod figures;
mod grpcio;
mod orders;
mod ours;
mod progress;
mod protocol;
mod ratio;
mod receiver;
mod report;
mod run;
mod script;
mod server;
mod stack;
mod stage;
mod strategies;
mod throughput;
mod traces;

pub(crate) use args::LabArgs;
pub(crate) use client::client_process;
pub(crate) use run::lab;
pub(crate) use server::{LabServerArgs, serve};
