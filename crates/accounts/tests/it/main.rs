//! The accounts server over a real socket.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod admin;
mod dry_run;
mod jwt;
mod life_cycle;
mod logs;
mod original_client;
mod paging;
mod restart;
mod storage;
mod support;

/// Where the servers of these tests keep their accounts.
const ON_POSTGRES: bool = false;
