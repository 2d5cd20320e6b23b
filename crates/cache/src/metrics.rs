//! What the cache counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wayside_chassis::{Labels, Metric, Source, Within};

use crate::store::{MemoryStore, Refused};

static REFUSED: Metric = Metric::counter(
    "wayside_cache_refused",
    "Entries that were not written because a limit was reached",
);
static KEYS: Metric = Metric::gauge(
    "wayside_cache_keys",
    "Entries in memory, expired ones included that are not swept yet",
);
static BYTES: Metric = Metric::gauge("wayside_cache_bytes", "Keys and values in memory, in bytes");
static MAX_BYTES: Metric =
    Metric::gauge("wayside_cache_max_bytes", "How large keys and values may be together, in bytes");
static ACCOUNTS: Metric =
    Metric::gauge("wayside_cache_accounts", "Accounts that have entries in memory");

/// Counts entries that were refused, by the limit that was reached. A clone is the same count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Arc<[AtomicU64; REASONS.len()]>);

/// By account is not told: there may be any number of them.
const REASONS: [&str; 3] = ["key_limit", "full", "out_of_memory"];

impl Refusals {
    pub(crate) fn count(&self, refused: Refused) {
        let reason = match refused {
            Refused::KeyLimit { .. } => 0,
            Refused::Full { .. } => 1,
            Refused::OutOfMemory => 2,
        };
        self.0[reason].fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn key_limit(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }
}

impl Source for Refusals {
    fn collect(&self, samples: &mut Within<'_>) {
        for (reason, count) in REASONS.into_iter().zip(&*self.0) {
            samples.add(&REFUSED, [("reason", reason)], count.load(Ordering::Relaxed));
        }
    }
}

/// How full a store in memory is. What is in Redis is Redis' own to tell, as replicas share it.
#[derive(Debug)]
pub(crate) struct Fullness(pub(crate) Arc<MemoryStore>);

impl Source for Fullness {
    fn collect(&self, samples: &mut Within<'_>) {
        let fullness = self.0.fullness();
        for (metric, value) in [
            (&KEYS, fullness.keys),
            (&ACCOUNTS, fullness.accounts),
            (&BYTES, fullness.bytes),
            (&MAX_BYTES, fullness.max_bytes),
        ] {
            samples.add(metric, Labels::default(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use wayside_chassis::{Format, Samples};

    use super::*;
    use crate::store::Write;

    fn told(source: &impl Source) -> String {
        let mut samples = Samples::default();
        source.collect(&mut samples.within(Labels::default()));
        samples.text(Format::Plain)
    }

    #[test]
    fn refusals_are_told_by_the_limit_that_was_reached() {
        let refusals = Refusals::default();
        refusals.count(Refused::KeyLimit { limit: 1 });
        refusals.count(Refused::KeyLimit { limit: 7 });
        refusals.count(Refused::Full { limit: 1 });
        let text = told(&refusals);
        for (reason, count) in [("key_limit", 2), ("full", 1), ("out_of_memory", 0)] {
            let line = format!("wayside_cache_refused_total{{reason=\"{reason}\"}} {count}\n");
            assert!(text.contains(&line), "{text}");
        }
    }

    #[tokio::test]
    async fn a_store_in_memory_tells_how_full_it_is() {
        let store = Arc::new(MemoryStore::new(100));
        for (account, key) in [("ann", "a"), ("ann", "b"), ("bob", "a")] {
            let write = Write { key, val: b"1234", expires: None };
            store.insert(&account.into(), 9, &write, Instant::now()).unwrap();
        }
        let text = told(&Fullness(store));
        for (name, value) in [("keys", 3), ("accounts", 2), ("bytes", 15), ("max_bytes", 100)] {
            let line = format!("wayside_cache_{name} {value}\n");
            assert!(text.contains(&line), "{line} is missing in\n{text}");
        }
    }
}
