//! How much of the quota each caller has used, for a bounded number of callers.

use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};

use crate::admission::{ByKey, Key, Sharded};

/// How often, in nanoseconds, a part that is full is searched for keys that may be dropped. A search takes some ten microseconds, so this is less than
/// a thousandth of a core however many callers somebody makes up.
const SEARCH_WHEN_FULL: u64 = 100_000_000;
/// How often it is searched otherwise, so that callers who came once do not take memory for good.
const SEARCH: u64 = 60_000_000_000;

/// The theoretical arrival time of each key's next call, which is all that GCRA has to know of a caller.
#[derive(Debug)]
pub(super) struct Buckets {
    known: Sharded<Shard>,
    /// Of all callers for whom there is no room.
    overflow: InMemoryState,
}

#[derive(Debug, Default)]
struct Shard {
    arrivals: ByKey<Nanos>,
    searched: u64,
}

impl Buckets {
    pub(super) fn new(max_keys: usize) -> Self {
        Self { known: Sharded::new(max_keys), overflow: InMemoryState::default() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.each().map(|shard| shard.arrivals.len()).sum()
    }
}

impl StateStore for Buckets {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.known.shard(*key);
        if let Some(arrival) = shard.arrivals.get_mut(key) {
            let (outcome, next) = measure(Some(*arrival))?;
            *arrival = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        let max_keys = self.known.keys_per_shard();
        shard.make_room(max_keys, next, &measure);
        if shard.arrivals.len() < max_keys {
            shard.arrivals.insert(*key, next);
            return Ok(outcome);
        }
        drop(shard);
        self.overflow.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

impl Shard {
    /// Drops the keys whose quota is whole again. Those are the ones that are measured as a new key is: the next call is due at `fresh`, which
    /// is as long from now for every new key, and so tells the time.
    fn make_room<T, E>(
        &mut self,
        max_keys: usize,
        fresh: Nanos,
        measure: impl Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    ) {
        let full = self.arrivals.len() >= max_keys;
        let pause = if full { SEARCH_WHEN_FULL } else { SEARCH };
        if fresh.as_u64().saturating_sub(self.searched) < pause {
            return;
        }
        self.searched = fresh.as_u64();
        self.arrivals.retain(
            |_, arrival| !matches!(measure(Some(*arrival)), Ok((_, next)) if next == fresh),
        );
        self.arrivals.shrink_to(2 * self.arrivals.len());
    }
}
