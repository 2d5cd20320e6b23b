//! The entries of every account in Redis or Valkey, shared by all replicas of the cache.
//!
//! An account has three kinds of keys there, all with its id as hash tag, so that they are on one node of a Redis Cluster:
//!
//! | key | type | what it holds |
//! |---|---|---|
//! | `cache:{ID}:val:KEY` | string | the value; Redis itself deletes it when its time to live is over |
//! | `cache:{ID}:keys` | sorted set | every key with score 0, which sorts them by their bytes: Dump's order, and its place to go on from. SCAN has no order, and may give a key twice |
//! | `cache:{ID}:expiries` | sorted set | the keys that expire, by when, in milliseconds since the Unix epoch |
//!
//! What counts for the quota are the keys less those that `expiries` says are over: Redis tells nobody in time when a value expires. Each write takes
//! some of those out of the two sets. A write is one Lua script, which Redis runs alone and as a whole, whoever else is writing. The clock is that of Redis; replicas of the cache need not agree on the time.
//!
//! The memory of Redis has a limit of its own, `maxmemory`, which takes the place of `--cache-max-bytes`; with `maxmemory-policy noeviction`,
//! the default, a full Redis refuses, as the cache does in memory.

mod connection;
mod keys;
mod scripts;
mod store;

#[cfg(test)]
pub(super) use keys::AccountKeys;
pub(crate) use store::RedisStore;
