//! What holds wherever entries are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{Home, write};
use crate::store::{NotStored, Page, Refused, Rehearsal, Store, Write};

async fn insert(store: &Store, account: &Arc<str>, limit: u64, write: &Write<'_>) -> Option<u64> {
    match store.insert(account, limit, write, Instant::now()).await {
        Ok(()) => None,
        Err(NotStored::Refused(Refused::KeyLimit { limit })) => Some(limit),
        Err(other) => panic!("{other:?}"),
    }
}

async fn get(store: &Store, account: &str, key: &str) -> Option<Vec<u8>> {
    let val = store.get(account, key, Instant::now()).await.unwrap();
    val.map(|val| val.to_vec())
}

async fn page(store: &Store, account: &str, after: Option<&str>) -> Page {
    match store {
        Store::Memory(store) => store.page(account, after, Instant::now()),
        Store::Redis(store) => store.page(account, after).await.unwrap(),
    }
}

async fn keys(store: &Store, account: &str) -> Vec<String> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = page(store, account, after.as_deref()).await;
        keys.extend(page.items.iter().map(|item| item.key.to_string()));
        after = page.next;
        if after.is_none() {
            return keys;
        }
    }
}

fn lasting(key: &str, ttl: Duration) -> Write<'_> {
    Write { expires: Some(Instant::now() + ttl), ..write(key, b"val") }
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let polled = timeout(Duration::from_secs(10), async {
        while !is_so().await {
            sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(polled.await.is_ok(), "{what}: not within 10 s");
}

pub(super) async fn a_key_can_be_replaced_at_the_limit_and_a_new_one_cannot_be_added(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    assert_eq!(insert(store, &ann, 1, &write("a", b"1")).await, None);
    assert_eq!(insert(store, &ann, 1, &write("a", b"2")).await, None);
    assert_eq!(insert(store, &ann, 1, &write("b", b"1")).await, Some(1));
    // Also when the limit was lowered below what is there.
    assert_eq!(insert(store, &ann, 0, &write("b", b"1")).await, Some(0));
    assert_eq!(insert(store, &ann, 0, &write("a", b"3")).await, None);
    assert_eq!(get(store, &ann, "a").await.unwrap(), b"3");
    assert_eq!(get(store, &ann, "b").await, None);
}

pub(super) async fn a_deleted_entry_is_gone_and_frees_its_place(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    insert(store, &ann, 1, &write("a", b"1")).await;
    assert!(!store.delete(&ann, "b", Instant::now()).await.unwrap());
    assert!(store.delete(&ann, "a", Instant::now()).await.unwrap());
    assert!(!store.delete(&ann, "a", Instant::now()).await.unwrap());
    assert_eq!(get(store, &ann, "a").await, None);
    assert_eq!(insert(store, &ann, 1, &write("b", b"1")).await, None);
    assert_eq!(keys(store, &ann).await, ["b"]);
}

pub(super) async fn what_has_expired_is_gone_and_does_not_count(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    insert(store, &ann, 3, &write("stays", b"1")).await;
    for key in ["a", "b"] {
        insert(store, &ann, 3, &lasting(key, Duration::from_millis(500))).await;
    }
    assert_eq!(insert(store, &ann, 3, &write("c", b"1")).await, Some(3));
    assert_eq!(keys(store, &ann).await, ["a", "b", "stays"]);
    eventually("b expires", async || get(store, &ann, "b").await.is_none()).await;
    eventually("c fits", async || insert(store, &ann, 3, &write("c", b"1")).await.is_none()).await;
    assert_eq!(keys(store, &ann).await, ["c", "stays"]);
    assert!(!store.delete(&ann, "a", Instant::now()).await.unwrap());
    // What is written anew is a new key, and counts as one.
    assert_eq!(insert(store, &ann, 2, &write("a", b"1")).await, Some(2));
    assert_eq!(insert(store, &ann, 3, &write("a", b"1")).await, None);
    assert_eq!(insert(store, &ann, 3, &write("b", b"1")).await, Some(3));
}

pub(super) async fn more_expired_entries_than_one_batch_never_stand_in_the_way(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    let expires = Some(Instant::now() + Duration::from_millis(1500));
    for number in 0..200 {
        let key = format!("{number:03}");
        insert(store, &ann, 200, &Write { key: &key, val: b"12", expires }).await;
    }
    assert_eq!(insert(store, &ann, 200, &write("new", b"")).await, Some(200));
    eventually("all expire", async || keys(store, &ann).await.is_empty()).await;
    eventually("one fits", async || insert(store, &ann, 1, &write("new", b"")).await.is_none())
        .await;
    assert_eq!(keys(store, &ann).await, ["new"]);
    assert_eq!(insert(store, &ann, 1, &write("newer", b"")).await, Some(1));
}

pub(super) async fn an_entry_has_the_time_to_live_of_its_last_write(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(3600));
    insert(store, &ann, 9, &lasting("prolonged", short)).await;
    insert(store, &ann, 9, &lasting("prolonged", long)).await;
    insert(store, &ann, 9, &lasting("unbounded", short)).await;
    insert(store, &ann, 9, &write("unbounded", b"val")).await;
    insert(store, &ann, 9, &write("shortened", b"val")).await;
    insert(store, &ann, 9, &lasting("shortened", short)).await;
    eventually("one expires", async || get(store, &ann, "shortened").await.is_none()).await;
    // Those whose first time to live is over are there, and count.
    sleep(short).await;
    assert_eq!(keys(store, &ann).await, ["prolonged", "unbounded"]);
    eventually("two count", async || insert(store, &ann, 3, &write("c", b"")).await.is_none())
        .await;
    assert_eq!(insert(store, &ann, 3, &write("d", b"")).await, Some(3));
}

pub(super) async fn a_page_tells_how_long_its_entries_have_left(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    let decade = Duration::from_secs(315_576_000);
    insert(store, &ann, 9, &lasting("decade", decade)).await;
    insert(store, &ann, 9, &write("unbounded", b"")).await;
    insert(store, &ann, 9, &lasting("minute", Duration::from_secs(60))).await;
    let now = Instant::now();
    let items = page(store, &ann, None).await.items;
    let left = items.iter().map(|item| item.expires.map(|expires| expires - now));
    let left = left.collect::<Vec<_>>();
    for (left, expected) in [(left[0], decade), (left[1], Duration::from_secs(60))] {
        let difference = left.unwrap().abs_diff(expected);
        assert!(difference < Duration::from_secs(2), "{left:?} is not {expected:?}");
    }
    assert_eq!(left[2], None);
}

pub(super) async fn pages_follow_the_bytes_of_the_keys_and_go_on_after_any_key(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    for key in ["b", "ü", "a", "aa", "B", "a\0", "-", "+", "(a", "[a"] {
        insert(store, &ann, 99, &write(key, b"")).await;
    }
    let sorted = ["(a", "+", "-", "B", "[a", "a", "a\0", "aa", "b", "ü"];
    assert_eq!(keys(store, &ann).await, sorted);
    for (after, expected) in [("a", &sorted[6..]), ("aZ", &sorted[7..]), ("", &sorted), ("ü", &[])]
    {
        let page = page(store, &ann, Some(after)).await;
        let keys = page.items.iter().map(|item| &*item.key).collect::<Vec<_>>();
        assert_eq!((keys.as_slice(), page.next), (expected, None), "after {after:?}");
    }
}

pub(super) async fn a_page_has_at_most_64_entries_and_256_kib(home: Home) {
    for (val_len, count, most) in
        [(0, 64, 64), (0, 65, 64), (64 * 1024, 10, 4), (200 * 1024, 3, 1), (1024 * 1024, 2, 1)]
    {
        let (store, account) = (&home.store, home.account(&format!("{val_len} {count}")));
        for number in 0..count {
            let (key, val) = (format!("{number:03}"), vec![7; val_len]);
            insert(store, &account, 99, &write(&key, &val)).await;
        }
        let first = page(store, &account, None).await;
        assert_eq!(first.items.len(), most, "{count} values of {val_len} bytes");
        assert_eq!(first.next.is_none(), most == count);
        assert_eq!(keys(store, &account).await.len(), count);
    }
}

pub(super) async fn accounts_are_apart_whatever_their_ids_are(home: Home) {
    let store = &home.store;
    let mine = home.account("a");
    let accounts = [
        mine.clone(),
        format!("{mine}}}:val:b").into(),
        format!("{{{mine}}}").into(),
        format!("{mine}:keys").into(),
    ];
    for account in &accounts {
        assert_eq!(insert(store, account, 1, &write("b}:keys", account.as_bytes())).await, None);
        assert_eq!(insert(store, account, 1, &write("another", b"")).await, Some(1));
    }
    for account in &accounts {
        assert_eq!(get(store, account, "b}:keys").await.unwrap(), account.as_bytes());
        assert_eq!(keys(store, account).await, ["b}:keys"]);
    }
    assert!(store.delete(&accounts[0], "b}:keys", Instant::now()).await.unwrap());
    assert_eq!(keys(store, &accounts[1]).await.len(), 1);
}

pub(super) async fn any_key_and_any_value_come_back_as_they_were(home: Home) {
    let (store, ann) = (&home.store, home.account("ann"));
    let largest = "k".repeat(1024);
    let all_bytes = (0..=255).collect::<Vec<u8>>();
    let values = [Vec::new(), all_bytes, vec![0; 1024 * 1024], b"\r\n$-1\r\n".to_vec()];
    for (key, val) in ["\0\n\r", "{}", "ключ", largest.as_str()].into_iter().zip(values) {
        assert_eq!(insert(store, &ann, 9, &write(key, &val)).await, None);
        assert_eq!(get(store, &ann, key).await, Some(val.clone()));
        let kept = page(store, &ann, None).await.items;
        assert!(kept.iter().any(|item| *item.key == *key && item.val == val) || val.len() > 1000);
    }
    assert_eq!(keys(store, &ann).await.len(), 4);
}

pub(super) async fn racing_inserts_of_two_replicas_leave_exactly_the_limit(home: Home) {
    let ann = home.account("ann");
    let replicas = [home.replica().await, home.replica().await];
    let start = Arc::new(Barrier::new(64));
    let mut racing = JoinSet::new();
    for number in 0..64 {
        let (store, ann, start) = (replicas[number % 2].clone(), ann.clone(), start.clone());
        racing.spawn(async move {
            start.wait().await;
            insert(&store, &ann, 10, &write(&format!("{number}"), b"val")).await
        });
    }
    let results = racing.join_all().await;
    assert_eq!(results.iter().filter(|refused| refused.is_none()).count(), 10);
    for store in &replicas {
        assert_eq!(keys(store, &ann).await.len(), 10);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert { key: String, val: Vec<u8>, expires: bool, limit: u64 },
    Delete { key: String },
    Get { key: String },
    Page { after: String },
}

fn step() -> impl Strategy<Value = Step> {
    let key = || "[a-f]{1,2}";
    let val = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        6 => (key(), val, any::<bool>(), 0..8_u64)
            .prop_map(|(key, val, expires, limit)| Step::Insert { key, val, expires, limit }),
        2 => key().prop_map(|key| Step::Delete { key }),
        1 => key().prop_map(|key| Step::Get { key }),
        1 => key().prop_map(|after| Step::Page { after }),
    ]
}

/// The same steps in every run.
fn steps(cases: usize) -> Vec<Vec<Step>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = prop::collection::vec(step(), 1..80);
    (0..cases).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

pub(super) async fn the_store_does_what_a_naive_model_does(home: Home) {
    let store = &home.store;
    for (case, steps) in steps(40).into_iter().enumerate() {
        let account = home.account(&format!("model{case}"));
        let mut model = BTreeMap::new();
        for step in &steps {
            match step {
                Step::Insert { key, val, expires, limit } => {
                    let hour = Instant::now() + Duration::from_secs(3600);
                    let write = Write { key, val, expires: expires.then_some(hour) };
                    let fits = model.contains_key(key) || (model.len() as u64) < *limit;
                    let expected = (!fits).then_some(*limit);
                    assert_eq!(insert(store, &account, *limit, &write).await, expected);
                    if fits {
                        model.insert(key.clone(), val.clone());
                    }
                }
                Step::Delete { key } => {
                    let deleted = store.delete(&account, key, Instant::now()).await.unwrap();
                    assert_eq!(deleted, model.remove(key).is_some());
                }
                Step::Get { key } => {
                    assert_eq!(get(store, &account, key).await, model.get(key).cloned());
                }
                Step::Page { after } => {
                    let page = page(store, &account, Some(after)).await;
                    let keys = page.items.iter().map(|item| item.key.to_string());
                    let expected = model.keys().filter(|key| *key > after).cloned();
                    assert_eq!(keys.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
                }
            }
        }
        assert_eq!(keys(store, &account).await, model.into_keys().collect::<Vec<_>>());
    }
}

pub(super) async fn a_rehearsal_says_of_every_write_what_the_real_run_says_and_changes_nothing(
    home: Home,
) {
    let store = &home.store;
    for (case, steps) in steps(40).into_iter().enumerate() {
        let (real, tried) = (home.account(&format!("r{case}")), home.account(&format!("t{case}")));
        let inserts = steps.iter().filter_map(|step| match step {
            Step::Insert { key, val, limit, .. } => Some((write(key, val), *limit)),
            _ => None,
        });
        let inserts = inserts.collect::<Vec<_>>();
        let (before, during) = inserts.split_at(inserts.len() / 3);
        for (write, _) in before {
            for account in [&real, &tried] {
                insert(store, account, 3, write).await;
            }
        }
        let untouched = keys(store, &tried).await;
        let mut rehearsal = Rehearsal::default();
        for (write, limit) in during {
            let now = Instant::now();
            let said = store.rehearse(&mut rehearsal, &tried, *limit, write, now).await;
            let done = insert(store, &real, *limit, write).await;
            assert_eq!(said.is_ok(), done.is_none(), "{write:?} of {during:?}");
        }
        assert_eq!(keys(store, &tried).await, untouched);
    }
}
