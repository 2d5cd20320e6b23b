//! The `wayside` command: the whole system in one process.

mod certs;
mod cli;
mod up;

pub use cli::main;
