//! What a dry run of several writes would have changed so far, which the next write of it has to take into account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::entries::size;
use super::{Refused, Store, Write};

/// The writes of one account that were tried and not done.
///
/// It has one record for each key that was tried. While nothing else writes to the account, [`Store::rehearse`] says of each write exactly what
/// [`Store::insert`] would; what others write meanwhile is seen when the same key is tried again, and may be counted as it was until then.
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
struct Extent {
    size: u64,
    expires: Option<Instant>,
}

impl Store {
    /// Says what [`insert`](Self::insert) would after the writes that were tried before, and writes and reserves nothing.
    ///
    /// # Errors
    /// As those of `insert`.
    pub(crate) fn rehearse(
        &self,
        rehearsal: &mut Rehearsal,
        account: &Arc<str>,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), Refused> {
        let Write { key, val, expires } = *write;
        let new_size = (key.len() + val.len()) as u64;
        rehearsal.expire(now);
        self.change(account, |entries, garbage| {
            let mut purge = self.purge(key, now, entries, garbage);
            let stored = entries
                .get(key, now)
                .map(|entry| Extent { size: size(key, &entry.val), expires: entry.expires });
            let old = rehearsal.records.get(key).map_or(stored, |record| record.tried);
            while old.is_none() && rehearsal.keys_beside(entries.len()) >= limit {
                if !purge(entries) {
                    return Err(Refused::KeyLimit { limit });
                }
            }
            if rehearsal.is_full(key, entries.len()) {
                return Err(Refused::KeyLimit { limit });
            }
            let growth = new_size.saturating_sub(old.map_or(0, |old| old.size));
            while !self.ledger.has_room(growth, rehearsal.bytes) {
                if !purge(entries) {
                    return Err(Refused::Full { limit: self.ledger.limit() });
                }
            }
            let tried = Some(Extent { size: new_size, expires });
            rehearsal.forget(key);
            rehearsal.remember(key.into(), Record { stored, tried });
            Ok(())
        })
    }
}

impl Rehearsal {
    /// How many keys the account would have if it has so many.
    fn keys_beside(&self, entries: usize) -> u64 {
        (entries as u64).saturating_add_signed(self.keys)
    }

    /// Whether a key is one too many to remember. Each record is of a key that the account would have or has, unless others delete what they were
    /// made from: whoever does that on purpose has the rehearsal refused rather than grow.
    fn is_full(&self, key: &str, entries: usize) -> bool {
        let most = self.keys_beside(entries).saturating_add(entries as u64);
        self.records.len() as u64 > most && !self.records.contains_key(key)
    }

    /// Takes what has expired out of the records.
    fn expire(&mut self, now: Instant) {
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
