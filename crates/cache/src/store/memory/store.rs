//! The store: which account is where, and what one write does.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use super::entries::{Entries, Entry, size};
use super::ledger::Ledger;
use crate::store::{Page, Refused, Write};

/// How many mutexes the accounts are spread over.
const SHARDS: usize = 64;
/// How many expired entries an insert removes at a time.
const PURGE_BATCH: usize = 64;

/// The accounts of one shard that have entries.
pub(super) type Shard = BTreeMap<Arc<str>, Entries>;

/// The entries of every account, in memory.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    pub(super) ledger: Ledger,
}

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fullness {
    pub(crate) accounts: u64,
    /// Those included that have expired and are not swept yet.
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    pub(crate) max_bytes: u64,
}

impl MemoryStore {
    /// A store for keys and values of so many bytes together.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            ledger: Ledger::new(max_bytes),
        }
    }

    /// Adds an entry or replaces it, as one step: no other call sees the check without the write, or comes between them.
    /// Only a new key counts against `limit`, the number of keys that the account may have.
    ///
    /// # Errors
    /// Nothing was changed. Expired entries of the account are never the reason; those of others may take up bytes until the next sweep.
    pub(crate) fn insert(
        &self,
        account: &Arc<str>,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), Refused> {
        // A slice of a message would keep the whole network buffer alive, which no limit counts.
        let entry = Entry { val: Bytes::copy_from_slice(write.val), expires: write.expires };
        let key: Arc<str> = write.key.into();
        self.change(account, |entries, garbage| {
            let new_size = size(&key, &entry.val);
            let old_size = self.admit(entries, &key, new_size, limit, now, garbage)?;
            garbage.extend(entries.put(key, entry));
            self.ledger.release(old_size.saturating_sub(new_size));
            Ok(())
        })
    }

    /// How full it is.
    pub(crate) fn fullness(&self) -> Fullness {
        let mut fullness = Fullness {
            bytes: self.ledger.used(),
            max_bytes: self.ledger.limit(),
            ..Fullness::default()
        };
        // One shard after the other, so that no call waits for more than one of them.
        for shard in 0..self.shard_count() {
            let accounts = self.lock(shard);
            fullness.accounts += accounts.len() as u64;
            fullness.keys += accounts.values().map(|entries| entries.len() as u64).sum::<u64>();
        }
        fullness
    }

    /// Reads a value.
    pub(crate) fn get(&self, account: &str, key: &str, now: Instant) -> Option<Bytes> {
        self.lock(self.shard_of(account)).get(account)?.get(key, now).map(|entry| entry.val.clone())
    }

    /// Deletes an entry. False: there was none, or it had expired.
    pub(crate) fn delete(&self, account: &Arc<str>, key: &str, now: Instant) -> bool {
        self.change(account, |entries, garbage| {
            self.ledger.release(entries.purge_key(key, now, garbage));
            let deleted = entries.remove(key);
            self.ledger.release(deleted.as_ref().map_or(0, |entry| size(key, &entry.val)));
            let found = deleted.is_some();
            garbage.extend(deleted);
            found
        })
    }

    /// The next few entries of an account in the order of their keys: those after a key, or from the first on.
    pub(crate) fn page(&self, account: &str, after: Option<&str>, now: Instant) -> Page {
        self.lock(self.shard_of(account))
            .get(account)
            .map(|entries| entries.page(after, now))
            .unwrap_or_default()
    }

    /// Makes room for an entry and reserves the bytes by which it is larger than the one that it replaces, whose size it gives.
    fn admit(
        &self,
        entries: &mut Entries,
        key: &str,
        new_size: u64,
        limit: u64,
        now: Instant,
        garbage: &mut Vec<Entry>,
    ) -> Result<u64, Refused> {
        let mut purge = self.purge(key, now, entries, garbage);
        let old_size = entries.get(key, now).map(|entry| size(key, &entry.val));
        while old_size.is_none() && entries.len() as u64 >= limit {
            if !purge(entries) {
                return Err(Refused::KeyLimit { limit });
            }
        }
        let old_size = old_size.unwrap_or(0);
        while !self.ledger.reserve(new_size.saturating_sub(old_size)) {
            if !purge(entries) {
                return Err(Refused::Full { limit: self.ledger.limit() });
            }
        }
        Ok(old_size)
    }

    /// Frees what has expired, the entry of `key` in any case, and gives what frees more of it: false when there is no more.
    pub(super) fn purge<'a>(
        &'a self,
        key: &str,
        now: Instant,
        entries: &mut Entries,
        garbage: &'a mut Vec<Entry>,
    ) -> impl FnMut(&mut Entries) -> bool + use<'a> {
        self.ledger.release(entries.purge_key(key, now, garbage));
        // In batches, and more than one only where room is needed: an account may have very many expired entries.
        let mut purge = move |entries: &mut Entries| {
            let freed = entries.purge(now, PURGE_BATCH, garbage);
            self.ledger.release(freed);
            freed > 0
        };
        purge(entries);
        purge
    }

    /// Changes an account under its lock. An account without entries is not kept.
    pub(super) fn change<T>(
        &self,
        account: &Arc<str>,
        change: impl FnOnce(&mut Entries, &mut Vec<Entry>) -> T,
    ) -> T {
        // Declared before the lock, and so freed after it.
        let mut garbage = Vec::new();
        let mut shard = self.lock(self.shard_of(account));
        let entries = shard.entry(account.clone()).or_default();
        let result = change(entries, &mut garbage);
        if entries.is_empty() {
            shard.remove(account);
        }
        result
    }

    /// A panic while the lock was held, which no code here has, would not make the entries of other calls unusable.
    pub(super) fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    fn shard_of(&self, account: &str) -> usize {
        (self.hasher.hash_one(account) % SHARDS as u64) as usize
    }
}
