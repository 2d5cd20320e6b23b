//! The same tests on Redis, and those that only make sense there. `tests/state.sh` runs them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod accounts;
mod attempts;
mod dry_run;
mod dump;
mod entries;
mod limits;
mod original_clients;
mod outage;
mod quota;
mod replicas;
mod restore;
mod support;
mod tenancy;

/// Where the caches of these tests keep their entries.
const ON_REDIS: bool = true;
