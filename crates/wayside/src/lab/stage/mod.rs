//! The processes of a run, seen from the lab: each is a child that ends when its standard input does, so that none outlives the lab,
//! and that is killed when its handle is dropped.

mod client;
mod core;
mod dead_end;
mod process;
mod server;

pub(crate) use client::Client;
pub(crate) use core::{Core, Cores};
pub(crate) use dead_end::{DeadEnd, Refusal};
pub(crate) use process::Process;
pub(crate) use server::{Backend, Server, ServerPlan};
