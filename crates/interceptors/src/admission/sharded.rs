//! State by key, cut into parts so that calls of different callers rarely wait for the same lock.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Key;

/// More than there are cores in most machines; each is held for less than a microsecond.
const SHARDS: usize = 16;
/// Below this the parts would fill up unevenly, and one of them be full long before the others.
const MIN_KEYS_PER_SHARD: usize = 256;

/// A map by key, which is a good hash already.
pub(crate) type ByKey<V> = HashMap<Key, V, BuildHasherDefault<AsItIs>>;

/// As many `T` as there are parts, each with the state of the keys that belong to it.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    shards: Box<[Mutex<T>]>,
    keys_per_shard: usize,
}

impl<T: Default> Sharded<T> {
    /// Room for at most `max_keys`. As a part may be full before the others, the last few hundredths of it may stay unused.
    pub(crate) fn new(max_keys: usize) -> Self {
        let count = (max_keys / MIN_KEYS_PER_SHARD).clamp(1, SHARDS);
        let shards = (0..count).map(|_| Mutex::default()).collect();
        Self { shards, keys_per_shard: max_keys / count }
    }

    /// How many keys each part has room for.
    pub(crate) fn keys_per_shard(&self) -> usize {
        self.keys_per_shard
    }

    /// The part that a key belongs to.
    pub(crate) fn shard(&self, key: Key) -> MutexGuard<'_, T> {
        // The high bits: the map inside goes by the others.
        let at = (key.0 >> 48) as usize % self.shards.len();
        // Every change is made in one step, so a panic elsewhere cannot have left half of one.
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All parts, one after the other.
    #[cfg(test)]
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.shards.iter().map(|shard| shard.lock().unwrap())
    }
}

/// Hashes a [`Key`], which is one number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
