//! The entries of one account, by key and by expiry.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::store::entry::{Item, PAGE_BYTES, PAGE_ENTRIES, Page};

/// The entries of one account. Both indexes share the text of a key.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_key: BTreeMap<Arc<str>, Entry>,
    /// Exactly the entries that expire.
    by_expiry: BTreeSet<(Instant, Arc<str>)>,
}

/// What is kept under a key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) val: Bytes,
    /// From when on it is gone.
    pub(super) expires: Option<Instant>,
}

impl Entries {
    /// How many there are, those that have expired and are not purged included.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// An entry that has not expired.
    pub(super) fn get(&self, key: &str, now: Instant) -> Option<&Entry> {
        self.by_key.get(key).filter(|entry| !entry.has_expired(now))
    }

    /// Adds or replaces an entry, and gives the one that it replaced.
    pub(super) fn put(&mut self, key: Arc<str>, entry: Entry) -> Option<Entry> {
        let replaced = self.remove(&key);
        if let Some(expires) = entry.expires {
            self.by_expiry.insert((expires, key.clone()));
        }
        self.by_key.insert(key, entry);
        replaced
    }

    /// Removes an entry, expired or not.
    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        if let Some(expires) = entry.expires {
            self.by_expiry.remove(&(expires, key));
        }
        Some(entry)
    }

    /// Removes an entry if it has expired, and gives the bytes that this frees.
    pub(super) fn purge_key(&mut self, key: &str, now: Instant, garbage: &mut Vec<Entry>) -> u64 {
        if self.by_key.get(key).is_none_or(|entry| !entry.has_expired(now)) {
            return 0;
        }
        let Some(entry) = self.remove(key) else { return 0 };
        let freed = size(key, &entry.val);
        garbage.push(entry);
        freed
    }

    /// Moves at most so many expired entries to the garbage, first those that expired first, and gives the bytes that this frees.
    pub(super) fn purge(&mut self, now: Instant, at_most: usize, garbage: &mut Vec<Entry>) -> u64 {
        let mut freed = 0;
        for _ in 0..at_most {
            if self.by_expiry.first().is_none_or(|(expires, _)| *expires > now) {
                break;
            }
            let Some((_, key)) = self.by_expiry.pop_first() else { break };
            if let Some(entry) = self.by_key.remove(&key) {
                freed += size(&key, &entry.val);
                garbage.push(entry);
            }
        }
        freed
    }

    /// Whether [`purge`](Self::purge) would find something.
    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.by_expiry.first().is_some_and(|(expires, _)| *expires <= now)
    }

    /// The entries after a key, or from the first on, that have not expired.
    pub(super) fn page(&self, after: Option<&str>, now: Instant) -> Page {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.by_key.range::<str, _>((start, Bound::Unbounded)).peekable();
        let mut page = Page::default();
        let mut bytes = 0;
        for _ in 0..PAGE_ENTRIES {
            let Some((key, entry)) =
                rest.next_if(|(_, entry)| bytes == 0 || bytes + entry.val.len() <= PAGE_BYTES)
            else {
                break;
            };
            page.next = Some(key.clone());
            if !entry.has_expired(now) {
                bytes += entry.val.len();
                page.items.push(Item {
                    key: key.clone(),
                    val: entry.val.clone(),
                    expires: entry.expires,
                });
            }
        }
        if rest.peek().is_none() {
            page.next = None;
        }
        page
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        let expiring =
            self.by_key.iter().filter_map(|(key, entry)| Some((entry.expires?, key.clone())));
        assert_eq!(expiring.collect::<BTreeSet<_>>(), self.by_expiry, "the two indexes differ");
        self.by_key.iter().map(|(key, entry)| size(key, &entry.val)).sum()
    }
}

impl Entry {
    fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What an entry counts for in the limit of the process.
pub(super) fn size(key: &str, val: &Bytes) -> u64 {
    (key.len() + val.len()) as u64
}
