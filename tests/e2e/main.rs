//! End-to-end tests: servers as they are served, clients as they are generated, sockets in between.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![expect(clippy::print_stderr, reason = "figures, for whoever runs with --nocapture")]

mod attacks;
mod compatibility;
mod connections;
mod drain;
mod four_calls;
mod interceptors;
mod misbehaving;
mod original_client;
mod raw;
mod secrets;
mod standard_services;
mod statuses;
mod stock_tonic;
mod support;
mod tls;
