//! The entries of every account in the memory of this process, with exact limits. It is told the time by its callers.
//!
//! Accounts are spread over shards with a mutex each. A std mutex, because nothing is awaited while one is held, and every hold is short:
//! values are copied before it and freed after it, and expiry and paging work in bounded steps.

mod entries;
mod ledger;
mod rehearse;
mod store;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use store::MemoryStore;
pub(crate) use sweep::keep_swept;
