//! The channel against real sockets.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod calls;
mod health;
mod pool;
mod support;
mod totals;
mod transport;
