//! The `wayside` command: the whole system in one process, and the lab.

mod certs;
mod cli;
mod demo;
mod lab;
mod token;
mod up;

pub use cli::main;
