//! The cache over real sockets, with an accounts server of the test's own.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod accounts;
mod attempts;
mod dry_run;
mod dump;
mod entries;
mod limits;
mod original_clients;
mod quota;
mod restore;
mod support;
mod tenancy;

/// Where the caches of these tests keep their entries.
const ON_REDIS: bool = false;
