//! What an insert would come to, without it.

use std::sync::Arc;

use tokio::time::Instant;

use super::MemoryStore;
use super::entries::size;
use crate::store::rehearsal::Extent;
use crate::store::{Refused, Rehearsal, Write};

impl MemoryStore {
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
            let old = rehearsal.replaced(key, stored);
            while old.is_none() && rehearsal.keys_beside(entries.len()) >= limit {
                if !purge(entries) {
                    return Err(Refused::KeyLimit { limit });
                }
            }
            if rehearsal.is_full(key, entries.len()) {
                return Err(Refused::KeyLimit { limit });
            }
            let growth = new_size.saturating_sub(old.map_or(0, |old| old.size));
            while !self.ledger.has_room(growth, rehearsal.bytes()) {
                if !purge(entries) {
                    return Err(Refused::Full { limit: self.ledger.limit() });
                }
            }
            rehearsal.note(key, stored, Extent { size: new_size, expires });
            Ok(())
        })
    }
}
