mod rehearsal;

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::thread;

use proptest::prelude::*;
use tokio::time::{Duration, Instant, advance};

use super::{MemoryStore, keep_swept};
use crate::store::{Refused, Rehearsal, Write};

const ACCOUNTS: [&str; 3] = ["ann", "bob", "cyd"];

impl MemoryStore {
    /// Sweeps everything at once.
    fn sweep(&self, now: Instant) {
        for shard in 0..self.shard_count() {
            let mut from = None;
            loop {
                from = self.sweep_step(shard, from.as_ref(), now);
                if from.is_none() {
                    break;
                }
            }
        }
    }

    /// What an insert would say.
    fn check(
        &self,
        account: &Arc<str>,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), Refused> {
        self.rehearse(&mut Rehearsal::default(), account, limit, write, now)
    }

    /// The bytes and accounts that are really there.
    fn counted(&self) -> (u64, usize) {
        let shards = (0..self.shard_count()).map(|shard| {
            let shard = self.lock(shard);
            (shard.values().map(super::entries::Entries::bytes).sum::<u64>(), shard.len())
        });
        shards.fold((0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1))
    }
}

fn account(name: &str) -> Arc<str> {
    name.into()
}

fn write<'a>(key: &'a str, val: &'a [u8]) -> Write<'a> {
    Write { key, val, expires: None }
}

fn keys(store: &MemoryStore, account: &str, now: Instant) -> Vec<String> {
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = store.page(account, after.as_deref(), now);
        keys.extend(page.items.iter().map(|item| item.key.to_string()));
        after = page.next;
        if after.is_none() {
            return keys;
        }
    }
}

#[test]
fn a_key_can_be_replaced_at_the_limit_and_a_new_one_cannot_be_added() {
    let (store, ann, now) = (MemoryStore::new(1000), account("ann"), Instant::now());
    store.insert(&ann, 1, &write("a", b"1"), now).unwrap();
    store.insert(&ann, 1, &write("a", b"2"), now).unwrap();
    assert_eq!(store.insert(&ann, 1, &write("b", b"1"), now), Err(Refused::KeyLimit { limit: 1 }));
    // Also when the limit was lowered below what is there.
    assert_eq!(store.insert(&ann, 0, &write("b", b"1"), now), Err(Refused::KeyLimit { limit: 0 }));
    store.insert(&ann, 0, &write("a", b"3"), now).unwrap();
    assert_eq!(store.get("ann", "a", now).unwrap(), "3");
}

#[test]
fn a_full_store_refuses_and_changes_nothing() {
    let (store, ann, now) = (MemoryStore::new(10), account("ann"), Instant::now());
    store.insert(&ann, 9, &write("a", b"123456"), now).unwrap();
    for (key, val) in [("b", &b"123"[..]), ("a", b"1234567890")] {
        assert_eq!(store.insert(&ann, 9, &write(key, val), now), Err(Refused::Full { limit: 10 }));
    }
    assert_eq!(
        store.insert(&account("bob"), 9, &write("b", b"123"), now),
        Err(Refused::Full { limit: 10 })
    );
    assert_eq!(store.get("ann", "a", now).unwrap(), "123456");
    assert_eq!(store.counted(), (7, 1));
    // Exactly full is not too full.
    store.insert(&ann, 9, &write("b", b"12"), now).unwrap();
    assert_eq!(store.ledger.used(), 10);
}

#[test]
fn a_rehearsal_of_one_write_says_what_an_insert_would_and_changes_nothing() {
    let (store, ann, now) = (MemoryStore::new(10), account("ann"), Instant::now());
    store.check(&ann, 1, &write("a", b"1"), now).unwrap();
    assert_eq!(store.check(&ann, 0, &write("a", b"1"), now), Err(Refused::KeyLimit { limit: 0 }));
    assert_eq!(
        store.check(&ann, 1, &write("a", b"1234567890"), now),
        Err(Refused::Full { limit: 10 })
    );
    assert_eq!((store.ledger.used(), store.counted()), (0, (0, 0)));
    store.insert(&ann, 1, &write("a", b"123"), now).unwrap();
    store.check(&ann, 1, &write("a", b"1"), now).unwrap();
    store.check(&ann, 1, &write("a", b"123456789"), now).unwrap();
    assert_eq!(
        (store.ledger.used(), store.get("ann", "a", now).unwrap().as_ref()),
        (4, &b"123"[..])
    );
}

#[test]
fn more_expired_entries_than_one_batch_never_stand_in_the_way() {
    let (store, ann, start) = (MemoryStore::new(1000), account("ann"), Instant::now());
    let later = start + Duration::from_secs(1);
    for number in 0..200 {
        let key = format!("{number:03}");
        store
            .insert(&ann, 200, &Write { key: &key, val: b"12", expires: Some(later) }, start)
            .unwrap();
    }
    assert_eq!(
        store.insert(&ann, 200, &write("new", b""), start),
        Err(Refused::KeyLimit { limit: 200 })
    );
    store.insert(&ann, 1, &write("199", &[0; 900]), later).unwrap();
    assert_eq!((keys(&store, "ann", later), store.ledger.used()), (vec!["199".to_owned()], 903));
}

#[test]
fn racing_inserts_at_a_limit_leave_exactly_that_many_keys() {
    // Many rounds, because the threads have to meet within the few instructions of one insert.
    const ROUNDS: usize = 2000;
    let (store, now) = (MemoryStore::new(u64::MAX), Instant::now());
    let accounts = (0..ROUNDS).map(|round| account(&format!("{round}"))).collect::<Vec<_>>();
    let start = Barrier::new(64);
    let insert_everywhere = |key: &str| {
        start.wait();
        let limits = accounts.iter().zip((0..63).cycle());
        limits
            .map(|(account, limit)| {
                usize::from(store.insert(account, limit, &write(key, b""), now).is_ok())
            })
            .collect()
    };
    let stored = thread::scope(|scope| {
        let insert_everywhere = &insert_everywhere;
        let threads =
            (0..64).map(|number| scope.spawn(move || insert_everywhere(&format!("{number}"))));
        let threads = threads.collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<Vec<_>>>()
    });
    for (round, account) in accounts.iter().enumerate() {
        let successes = stored.iter().map(|thread| thread[round]).sum::<usize>();
        assert_eq!((successes, keys(&store, account, now).len()), (round % 63, round % 63));
    }
}

#[test]
fn racing_inserts_of_different_accounts_never_exceed_the_bytes() {
    let (store, now) = (MemoryStore::new(1000), Instant::now());
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                let account = account(&format!("{number}"));
                start.wait();
                for round in 0..500 {
                    let val = vec![0; (round * 7 + number * 13) % 200];
                    let _ = store.insert(&account, 9, &write(&format!("{}", round % 5), &val), now);
                    assert!(store.ledger.used() <= 1000, "the limit was exceeded");
                    if round % 3 == 0 {
                        store.delete(&account, &format!("{}", round % 5), now);
                    }
                }
            });
        }
    });
    assert_eq!(store.ledger.used(), store.counted().0);
}

#[tokio::test(start_paused = true)]
async fn the_sweeper_frees_what_idle_accounts_let_expire() {
    let store = Arc::new(MemoryStore::new(u64::MAX));
    let expires = Some(Instant::now() + Duration::from_secs(5));
    for number in 0..3000 {
        let account = account(&format!("{}", number % 700));
        let key = format!("{number}");
        store
            .insert(&account, 9, &Write { key: &key, val: b"val", expires }, Instant::now())
            .unwrap();
    }
    for number in 0..1000 {
        let key = format!("{number}");
        store
            .insert(
                &account("big"),
                1000,
                &Write { key: &key, val: b"val", expires },
                Instant::now(),
            )
            .unwrap();
    }
    store.insert(&account("lasting"), 9, &write("a", b"1"), Instant::now()).unwrap();
    let sweeper = tokio::spawn(keep_swept(store.clone()));
    tokio::time::sleep(Duration::from_millis(4900)).await;
    assert_eq!(store.counted().1, 702);
    advance(Duration::from_millis(1200)).await;
    tokio::time::timeout(Duration::from_millis(900), async {
        while store.ledger.used() > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(store.counted(), (2, 1));
    sweeper.abort();
}

#[test]
fn a_sweep_looks_at_a_bounded_number_of_entries_under_one_lock() {
    let (store, ann, start) = (MemoryStore::new(u64::MAX), account("ann"), Instant::now());
    let later = start + Duration::from_secs(1);
    for number in 0..1000 {
        let key = format!("{number}");
        store
            .insert(&ann, 1000, &Write { key: &key, val: b"", expires: Some(later) }, start)
            .unwrap();
    }
    let left = |store: &MemoryStore| {
        (0..store.shard_count())
            .map(|shard| store.lock(shard))
            .find_map(|shard| Some(shard.get("ann")?.len()))
    };
    let shard = (0..store.shard_count()).find(|shard| !store.lock(*shard).is_empty()).unwrap();
    assert_eq!(store.sweep_step(shard, None, later), Some(ann.clone()));
    assert_eq!(left(&store), Some(1000 - 256));
}

/// What the store should do, as simply as it can be said: every account's entries in one map, counted anew each time.
#[derive(Debug, Default)]
struct Model {
    accounts: BTreeMap<&'static str, BTreeMap<String, ModelEntry>>,
}

type ModelEntry = (Vec<u8>, Option<Instant>);

impl Model {
    fn bytes(&self) -> u64 {
        self.accounts.values().flatten().map(|(key, (val, _))| (key.len() + val.len()) as u64).sum()
    }

    fn purge(&mut self, account: &'static str, now: Instant) {
        self.accounts
            .entry(account)
            .or_default()
            .retain(|_, (_, expires)| expires.is_none_or(|at| at > now));
    }

    fn get(&self, account: &str, key: &str, now: Instant) -> Option<&[u8]> {
        let (val, expires) = self.accounts.get(account)?.get(key)?;
        expires.is_none_or(|at| at > now).then_some(val)
    }

    fn insert(
        &mut self,
        account: &'static str,
        limit: u64,
        max_bytes: u64,
        write: &Write<'_>,
        now: Instant,
        dry_run: bool,
    ) -> Result<(), Refused> {
        self.purge(account, now);
        let entries = &self.accounts[account];
        let old = entries.get(write.key).map(|(val, _)| (write.key.len() + val.len()) as u64);
        let after = self.bytes() - old.unwrap_or(0) + (write.key.len() + write.val.len()) as u64;
        if old.is_none() && entries.len() as u64 >= limit {
            return Err(Refused::KeyLimit { limit });
        }
        // What is full stays usable for what does not grow.
        if after > max_bytes && after > self.bytes() {
            return Err(Refused::Full { limit: max_bytes });
        }
        if !dry_run {
            let entries = self.accounts.entry(account).or_default();
            entries.insert(write.key.to_owned(), (write.val.to_vec(), write.expires));
        }
        Ok(())
    }

    fn delete(&mut self, account: &'static str, key: &str, now: Instant) -> bool {
        let found = self.get(account, key, now).is_some();
        self.accounts.entry(account).or_default().remove(key);
        found
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert { key: String, val: Vec<u8>, ttl: Option<u64>, limit: u64, dry_run: bool },
    Delete { key: String },
    Get { key: String },
    Page { after: String },
    Wait { seconds: u64 },
    Sweep,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let key = || "[a-f]{1,2}";
    let val = prop::collection::vec(any::<u8>(), 0..40);
    let insert = (key(), val, prop::option::of(1..6_u64), 0..8_u64, prop::bool::weighted(0.2));
    let step = prop_oneof![
        6 => insert.prop_map(|(key, val, ttl, limit, dry_run)| Step::Insert { key, val, ttl, limit, dry_run }),
        2 => key().prop_map(|key| Step::Delete { key }),
        1 => key().prop_map(|key| Step::Get { key }),
        1 => key().prop_map(|after| Step::Page { after }),
        1 => (0..4_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Sweep),
    ];
    (0..ACCOUNTS.len(), step)
}

proptest! {
    #[test]
    fn the_store_does_what_a_naive_model_does(max_bytes in 20..300_u64, steps in prop::collection::vec(step(), 1..120)) {
        let store = MemoryStore::new(max_bytes);
        let mut model = Model::default();
        let mut now = Instant::now();
        for (number, step) in steps {
            let name = ACCOUNTS[number];
            let account = account(name);
            match step {
                Step::Insert { key, val, ttl, limit, dry_run } => {
                    let expires = ttl.map(|seconds| now + Duration::from_secs(seconds));
                    let write = Write { key: &key, val: &val, expires };
                    let result = if dry_run {
                        store.check(&account, limit, &write, now)
                    } else {
                        store.insert(&account, limit, &write, now)
                    };
                    prop_assert_eq!(result, model.insert(name, limit, max_bytes, &write, now, dry_run));
                }
                Step::Delete { key } => {
                    prop_assert_eq!(store.delete(&account, &key, now), model.delete(name, &key, now));
                }
                Step::Get { key } => {
                    let val = store.get(name, &key, now);
                    prop_assert_eq!(val.as_deref(), model.get(name, &key, now));
                }
                Step::Page { after } => {
                    let page = store.page(name, Some(&after), now);
                    let keys = page.items.iter().map(|item| item.key.to_string()).collect::<Vec<_>>();
                    let entries = model.accounts.entry(name).or_default();
                    let live = entries.iter().filter(|(key, (_, expires))| **key > after && expires.is_none_or(|at| at > now));
                    prop_assert_eq!(keys, live.map(|(key, _)| key.clone()).collect::<Vec<_>>());
                    prop_assert!(page.next.is_none());
                }
                Step::Wait { seconds } => now += Duration::from_secs(seconds),
                Step::Sweep => {
                    store.sweep(now);
                    ACCOUNTS.iter().for_each(|name| model.purge(name, now));
                }
            }
            let accounts = model.accounts.values().filter(|entries| !entries.is_empty()).count();
            prop_assert_eq!(store.counted(), (model.bytes(), accounts));
            prop_assert_eq!(store.ledger.used(), model.bytes());
        }
    }
}
