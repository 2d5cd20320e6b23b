//! The look-aside balancer as it is served, with clients as they are generated, over real sockets.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod client;
mod grpclb;
mod health;
mod original_client;
mod register;
mod resolve;
mod support;
mod watch;
