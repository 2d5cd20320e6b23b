//! The entries of every account, in this process or in a Redis that several replicas of the cache share. It knows nothing of gRPC.
//!
//! Both keep what the cache promises: a quota that racing calls cannot exceed, entries that are gone when their time to live is over, and
//! pages in the order of the keys. The same tests hold them to it.

mod any;
mod entry;
mod failure;
mod location;
mod memory;
mod redis;
mod rehearsal;
#[cfg(test)]
mod tests;

pub(crate) use any::Store;
pub(crate) use entry::{Item, Page, Write};
pub(crate) use failure::{Failure, NotStored, Refused};
pub use location::{BadCacheStore, CacheStore, RedisAddress};
pub(crate) use memory::{MemoryStore, keep_swept};
pub(crate) use redis::RedisStore;
pub(crate) use rehearsal::Rehearsal;
