//! Frees expired entries that nobody writes over.

use std::ops::Bound;
use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};

use super::MemoryStore;

/// How often all accounts are looked through: how long at most an expired entry takes up memory, give or take the sweep itself.
const PERIOD: Duration = Duration::from_secs(1);
/// How many accounts and entries are looked at while a lock is held.
const STEP: usize = 256;

/// Sweeps the store for ever.
pub(crate) async fn keep_swept(store: Arc<MemoryStore>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for shard in 0..store.shard_count() {
            let mut from = None;
            loop {
                from = store.sweep_step(shard, from.as_ref(), Instant::now());
                if from.is_none() {
                    break;
                }
                yield_now().await;
            }
        }
    }
}

impl MemoryStore {
    /// Frees what has expired in some accounts of a shard, and gives the account to go on from.
    pub(super) fn sweep_step(
        &self,
        shard: usize,
        from: Option<&Arc<str>>,
        now: Instant,
    ) -> Option<Arc<str>> {
        // Declared before the lock, and so freed after it.
        let mut garbage = Vec::new();
        let mut empty = Vec::new();
        let mut next = None;
        let mut left = STEP;
        let mut shard = self.lock(shard);
        let start = from.map_or(Bound::Unbounded, |account| Bound::Included(account.clone()));
        for (account, entries) in shard.range_mut((start, Bound::Unbounded)) {
            if left == 0 {
                next = Some(account.clone());
                break;
            }
            let before = garbage.len();
            self.ledger.release(entries.purge(now, left, &mut garbage));
            if entries.has_expired(now) {
                next = Some(account.clone());
                break;
            }
            if entries.is_empty() {
                empty.push(account.clone());
            }
            left = left.saturating_sub(1 + garbage.len() - before);
        }
        for account in &empty {
            shard.remove(account);
        }
        next
    }
}
