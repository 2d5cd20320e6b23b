//! The `wayside` command: the whole system in one process, and the lab.

mod certs;
mod cli;
mod lab;
mod up;

pub use cli::main;
