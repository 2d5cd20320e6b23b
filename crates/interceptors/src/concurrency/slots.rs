use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::Request;
use tonic::Code;

use crate::admission::{ByKey, Key, KeyOf, Permit, Refusal, Sharded};
use crate::selector::Selector;

/// Who may have how many calls in flight.
#[derive(Debug)]
pub(super) struct Limits {
    slots: Selector<Option<Arc<Slots>>>,
    key: KeyOf,
}

impl Limits {
    pub(super) fn new(limits: Selector<Option<u32>>, key: KeyOf, max_keys: usize) -> Self {
        let made = |limit| Arc::new(Slots::new(limit, max_keys));
        Self { slots: limits.map(|limit| limit.map(made)), key }
    }

    /// Takes a slot, or says what to answer. A call that is exempt needs none.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<Option<Slot>, Refusal> {
        let path = request.uri().path();
        let Some(slots) = self.slots.get(path) else { return Ok(None) };
        let Some(key) = self.key.find(request) else { return Ok(None) };
        Slots::take(slots, key).map(Some).ok_or_else(|| Refusal {
            code: Code::ResourceExhausted,
            message: format!("{path} allows each caller {} calls at a time", slots.limit),
            retry_after: None,
        })
    }

    #[cfg(test)]
    pub(super) fn known(&self, path: &str) -> usize {
        let slots = self.slots.get(path).as_ref();
        slots.map_or(0, |slots| slots.taken.each().map(|shard| shard.known.len()).sum())
    }
}

/// The calls in flight of each caller who has any.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) limit: u32,
    taken: Sharded<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    known: ByKey<u32>,
    /// Of all callers for whom there is no room.
    others: u32,
}

impl Slots {
    pub(super) fn new(limit: u32, max_keys: usize) -> Self {
        Self { limit, taken: Sharded::new(max_keys) }
    }

    pub(super) fn take(this: &Arc<Self>, key: Key) -> Option<Slot> {
        let mut shard = this.taken.shard(key);
        let full = shard.known.len() >= this.taken.keys_per_shard();
        let Shard { known, others } = &mut *shard;
        let (count, is_known) = match known.entry(key) {
            Entry::Occupied(entry) => (entry.into_mut(), true),
            Entry::Vacant(_) if full => (others, false),
            // A key that gets no slot must not stay.
            Entry::Vacant(_) if this.limit == 0 => return None,
            Entry::Vacant(entry) => (entry.insert(0), true),
        };
        if *count >= this.limit {
            return None;
        }
        *count += 1;
        Some(Slot { slots: this.clone(), key, is_known })
    }
}

/// One call in flight. Its caller may make another one when it is dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    key: Key,
    is_known: bool,
}

impl Permit for Slot {}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut shard = self.slots.taken.shard(self.key);
        if !self.is_known {
            shard.others -= 1;
            return;
        }
        if let Entry::Occupied(mut entry) = shard.known.entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}
