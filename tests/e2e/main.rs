//! End-to-end tests: servers as they are served, clients as they are generated, sockets in between.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod compatibility;
mod four_calls;
mod life;
mod original_client;
mod standard_services;
mod support;
