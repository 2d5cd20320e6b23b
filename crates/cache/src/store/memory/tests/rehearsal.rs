use proptest::prelude::*;
use tokio::time::{Duration, Instant};

use super::{account, keys, write};
use crate::store::memory::MemoryStore;
use crate::store::{Item, Refused, Rehearsal, Write};

const LIMIT: Refused = Refused::KeyLimit { limit: 2 };
const FULL: Refused = Refused::Full { limit: 10 };

fn expiring(key: &str, expires: Instant) -> Write<'_> {
    Write { expires: Some(expires), ..write(key, b"") }
}

#[test]
fn keys_that_were_tried_count_once_each_and_updates_do_not() {
    let (store, ann, now) = (MemoryStore::new(1000), account("ann"), Instant::now());
    store.insert(&ann, 2, &write("a", b"1"), now).unwrap();
    let mut rehearsal = Rehearsal::default();
    let mut tried = |key| store.rehearse(&mut rehearsal, &ann, 2, &write(key, b"2"), now);
    let results = ["a", "b", "b", "c", "a"].map(&mut tried);
    assert_eq!(results, [Ok(()), Ok(()), Ok(()), Err(LIMIT), Ok(())]);
    assert_eq!((keys(&store, "ann", now), store.ledger.used()), (vec!["a".to_owned()], 2));
}

#[test]
fn bytes_add_up_and_a_smaller_value_gives_some_back() {
    let (store, ann, now) = (MemoryStore::new(10), account("ann"), Instant::now());
    store.insert(&ann, 9, &write("a", b"12345"), now).unwrap();
    let mut rehearsal = Rehearsal::default();
    let mut tried = |key, val| store.rehearse(&mut rehearsal, &ann, 9, &write(key, val), now);
    assert_eq!(tried("b", b"123"), Ok(()));
    assert_eq!(tried("c", b""), Err(FULL));
    assert_eq!(tried("a", b"1234"), Ok(()));
    assert_eq!(tried("c", b""), Ok(()));
    assert_eq!(tried("a", b"12345"), Err(FULL));
    // Nothing is reserved: what really is stored meanwhile has all the room there is.
    store.insert(&account("bob"), 9, &write("b", b"123"), now).unwrap();
    assert_eq!(store.ledger.used(), 10);
    // What takes no more than before fits all the same.
    assert_eq!(tried("a", b"123"), Ok(()));
    assert_eq!(tried("d", b""), Err(FULL));
}

#[test]
fn what_was_tried_expires_and_so_does_what_it_would_have_replaced() {
    let (store, ann, start) = (MemoryStore::new(1000), account("ann"), Instant::now());
    let second = |number| start + Duration::from_secs(number);
    store.insert(&ann, 2, &expiring("a", second(2)), start).unwrap();
    let mut rehearsal = Rehearsal::default();
    let mut tried = |write, now| store.rehearse(&mut rehearsal, &ann, 2, &write, now);
    // It would last, although what it replaces does not.
    tried(write("a", b""), start).unwrap();
    tried(expiring("b", second(1)), start).unwrap();
    assert_eq!(tried(write("c", b""), start), Err(LIMIT));
    tried(write("c", b""), second(1)).unwrap();
    assert_eq!(tried(write("d", b""), second(2)), Err(LIMIT));
}

#[test]
fn a_rehearsal_stays_bounded_when_what_it_saw_is_deleted_under_it() {
    let (store, ann, now) = (MemoryStore::new(u64::MAX), account("ann"), Instant::now());
    let mut rehearsal = Rehearsal::default();
    let refused = (0..1000).filter(|number| {
        let key = format!("{number}");
        store.insert(&ann, 2, &write(&key, b""), now).unwrap();
        let tried = store.rehearse(&mut rehearsal, &ann, 2, &write(&key, b""), now);
        store.delete(&ann, &key, now);
        tried.is_err()
    });
    assert!(refused.count() > 900);
    assert!(rehearsal.len() < 10, "{} records", rehearsal.len());
}

#[test]
fn a_key_that_is_tried_again_and_again_takes_no_more_room() {
    let (store, ann, start) = (MemoryStore::new(u64::MAX), account("ann"), Instant::now());
    let mut rehearsal = Rehearsal::default();
    for number in 1..1000 {
        let write = expiring("a", start + Duration::from_secs(number));
        store.rehearse(&mut rehearsal, &ann, 1, &write, start).unwrap();
    }
    assert_eq!(rehearsal.len(), 1);
}

#[derive(Clone, Debug)]
struct Step {
    wait: u64,
    key: String,
    val: Vec<u8>,
    ttl: Option<u64>,
}

impl Step {
    fn write(&self, now: Instant) -> Write<'_> {
        let expires = self.ttl.map(|seconds| now + Duration::from_secs(seconds));
        Write { key: &self.key, val: &self.val, expires }
    }
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![3 => Just(0_u64), 1 => 1..4_u64];
    let val = prop::collection::vec(any::<u8>(), 0..12);
    let step = (wait, "[a-h]", val, prop::option::of(1..6_u64))
        .prop_map(|(wait, key, val, ttl)| Step { wait, key, val, ttl });
    prop::collection::vec(step, 0..count)
}

/// A store with what some steps leave in it, all written at once under a limit of their own.
fn store_with(max_bytes: u64, before: &[Step], start: Instant) -> MemoryStore {
    let store = MemoryStore::new(max_bytes);
    for (number, step) in before.iter().enumerate() {
        let account = account(if number % 3 == 0 { "bob" } else { "ann" });
        // Some do not fit, which is as good a beginning as any.
        let _ = store.insert(&account, 6, &step.write(start), start);
    }
    store
}

fn all(
    store: &MemoryStore,
    account: &str,
    now: Instant,
) -> Vec<(String, Vec<u8>, Option<Instant>)> {
    let entry = |Item { key, val, expires }| (String::from(&*key), val.to_vec(), expires);
    store.page(account, None, now).items.into_iter().map(entry).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_rehearsal_says_of_every_write_what_the_real_run_says_and_changes_nothing(
        max_bytes in 10..120_u64,
        limit in 0..8_u64,
        before in steps(12),
        during in steps(40),
    ) {
        let mut now = Instant::now();
        let [real, tried, untouched] = [(); 3].map(|()| store_with(max_bytes, &before, now));
        let ann = account("ann");
        let mut rehearsal = Rehearsal::default();
        for (number, step) in during.iter().enumerate() {
            now += Duration::from_secs(step.wait);
            let write = step.write(now);
            prop_assert_eq!(
                tried.rehearse(&mut rehearsal, &ann, limit, &write, now),
                real.insert(&ann, limit, &write, now),
                "write {} of {:?}", number, step
            );
        }
        prop_assert!(rehearsal.len() <= 8);
        for name in ["ann", "bob"] {
            prop_assert_eq!(all(&tried, name, now), all(&untouched, name, now));
        }
        tried.sweep(now);
        untouched.sweep(now);
        prop_assert_eq!(tried.counted(), untouched.counted());
        prop_assert_eq!(tried.ledger.used(), untouched.ledger.used());
    }
}
