//! The entries of every account, in memory, with exact limits. It knows nothing of gRPC, and is told the time by its callers.
//!
//! Accounts are spread over shards with a mutex each. A std mutex, because nothing is awaited while one is held, and every hold is short:
//! values are copied before it and freed after it, and expiry and paging work in bounded steps.

mod entries;
mod ledger;
mod rehearsal;
mod shards;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use entries::{Item, Page};
pub(crate) use rehearsal::Rehearsal;
pub(crate) use shards::{Refused, Store, Write};
pub(crate) use sweep::keep_swept;
