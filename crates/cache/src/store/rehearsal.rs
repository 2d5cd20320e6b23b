//! What a dry run of several writes would have changed so far, which the next write of it has to take into account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

/// The writes of one account that were tried and not done.
///
/// It has one record for each key that was tried. While nothing else writes to the account, it lets a store say of each write exactly what an
/// insert would come to; what others write meanwhile is seen when the same key is tried again, and may be counted as it was until then.
#[derive(Debug, Default)]
pub(crate) struct Rehearsal {
    records: BTreeMap<Arc<str>, Record>,
    /// When something in the records expires.
    expiries: BTreeSet<(Instant, Arc<str>)>,
    /// How many keys more the account would have than it has.
    keys: i64,
    /// How many bytes more it would take than it takes.
    bytes: i64,
}

/// What is kept under a key, and what would be. One of the two is there, else there is no record.
#[derive(Clone, Copy, Debug)]
struct Record {
    stored: Option<Extent>,
    tried: Option<Extent>,
}

/// As much of an entry as its limits ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) size: u64,
    pub(super) expires: Option<Instant>,
}

impl Rehearsal {
    /// What a write to a key would replace: what was tried there before, else what is stored.
    pub(super) fn replaced(&self, key: &str, stored: Option<Extent>) -> Option<Extent> {
        self.records.get(key).map_or(stored, |record| record.tried)
    }

    /// How many keys the account would have if it has so many.
    pub(super) fn keys_beside(&self, entries: usize) -> u64 {
        (entries as u64).saturating_add_signed(self.keys)
    }

    /// How many bytes more the account would take than it takes.
    pub(super) fn bytes(&self) -> i64 {
        self.bytes
    }

    /// Whether a key is one too many to remember. Each record is of a key that the account would have or has, unless others delete what they were
    /// made from: whoever does that on purpose has the rehearsal refused rather than grow.
    pub(super) fn is_full(&self, key: &str, entries: usize) -> bool {
        let most = self.keys_beside(entries).saturating_add(entries as u64);
        self.records.len() as u64 > most && !self.records.contains_key(key)
    }

    /// Takes what has expired out of the records.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((expires, key)) = self.expiries.pop_first() {
            if expires > now {
                self.expiries.insert((expires, key));
                break;
            }
            if let Some(record) = self.forget(&key) {
                self.remember(key, record.at(now));
            }
        }
    }

    /// Takes a write as done to a key under which so much is stored.
    pub(super) fn note(&mut self, key: &str, stored: Option<Extent>, tried: Extent) {
        self.forget(key);
        self.remember(key.into(), Record { stored, tried: Some(tried) });
    }

    fn remember(&mut self, key: Arc<str>, record: Record) {
        if record.stored.or(record.tried).is_none() {
            return;
        }
        self.keys += record.keys();
        self.bytes += record.bytes();
        self.expiries.extend(record.expiries().map(|expires| (expires, key.clone())));
        self.records.insert(key, record);
    }

    fn forget(&mut self, key: &str) -> Option<Record> {
        let (key, record) = self.records.remove_entry(key)?;
        self.keys -= record.keys();
        self.bytes -= record.bytes();
        for expires in record.expiries() {
            self.expiries.remove(&(expires, key.clone()));
        }
        Some(record)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert!(self.expiries.len() <= 2 * self.records.len(), "expiries of records that are gone");
        self.records.len()
    }
}

impl Record {
    /// What is left of it at a time.
    fn at(self, now: Instant) -> Self {
        let lasts = |extent: &Extent| extent.expires.is_none_or(|expires| expires > now);
        Self { stored: self.stored.filter(lasts), tried: self.tried.filter(lasts) }
    }

    fn keys(&self) -> i64 {
        i64::from(self.tried.is_some()) - i64::from(self.stored.is_some())
    }

    /// Keys and values have limits far below 63 bits.
    fn bytes(&self) -> i64 {
        let size = |extent: Option<Extent>| extent.map_or(0, |extent| extent.size.cast_signed());
        size(self.tried) - size(self.stored)
    }

    fn expiries(&self) -> impl Iterator<Item = Instant> + use<> {
        [self.stored, self.tried].into_iter().flatten().filter_map(|extent| extent.expires)
    }
}
