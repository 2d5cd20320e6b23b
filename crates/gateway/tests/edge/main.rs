//! The gateway over real sockets, in front of a real greet server and of stand-ins for the others.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod dry_run;
mod greet;
mod limits;
mod pages;
mod rest;
mod streams;
mod support;
