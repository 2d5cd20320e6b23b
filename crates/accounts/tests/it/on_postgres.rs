//! The same tests on PostgreSQL, and those that only make sense there. `tests/state.sh` runs them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod admin;
mod dry_run;
mod jwt;
mod life_cycle;
mod logs;
mod original_client;
mod outage;
mod paging;
mod replicas;
mod restart;
mod support;

/// Where the servers of these tests keep their accounts.
const ON_POSTGRES: bool = true;
