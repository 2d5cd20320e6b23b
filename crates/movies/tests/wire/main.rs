//! Movies over real sockets: what a client sees, and what the next server sees of a middle.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod faulty;
mod middle;
mod service;
mod stand_in;
mod support;
mod tokens;
