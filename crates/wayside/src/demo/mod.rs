//! `wayside demo`: one thing of gRPC at a time, with real servers and clients in this process, each ending in a check.
//!
//! A demonstration is a file that reads from top to bottom: it starts movies servers on its [`Stage`](stage::Stage), calls them as any program
//! would, and checks what has come of it. `list.rs` names them all. They use only what is public: `chassis::outgoing`, `balance::Channel`,
//! the generated client.

mod args;
mod cancellation;
mod deadline;
mod error_handling;
mod keepalive;
mod list;
mod load_balancing;
mod metadata;
mod retry;
mod run;
mod simple;
mod stage;
mod streaming;
mod tokens;

pub(crate) use args::DemoArgs;
pub(crate) use run::demo;
