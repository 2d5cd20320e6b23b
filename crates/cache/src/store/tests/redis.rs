//! What only Redis can come to.

use redis::AsyncCommands;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{Home, redis_store, write};
use crate::store::redis::AccountKeys;
use crate::store::{RedisStore, Store, Write};

/// How many of an account's keys Redis has, the two sets included.
async fn kept(store: &RedisStore, account: &str, keys: &[&str]) -> usize {
    let names = AccountKeys::of(account);
    let mut all = vec![names.keys(), names.expiries()];
    all.extend(keys.iter().map(|key| names.value(key)));
    store.connection.run(async |redis| redis.exists(all).await).await.unwrap()
}

fn expiring(key: &str, ttl: u64) -> Write<'_> {
    Write { expires: Some(Instant::now() + Duration::from_millis(ttl)), ..write(key, b"val") }
}

#[tokio::test]
#[ignore = "needs Redis: tests/state.sh"]
async fn an_account_whose_entries_have_all_expired_leaves_nothing_behind() {
    let home = Home::redis().await;
    let (store, ann) = (redis_store().await, home.account("ann"));
    let names = ["first", "a", "b"];
    // One lasts at first; only without it can the account end by itself.
    store.insert(&ann, 9, &write("first", b"val"), Instant::now()).await.unwrap();
    for (key, ttl) in [("a", 300), ("b", 50)] {
        store.insert(&ann, 9, &expiring(key, ttl), Instant::now()).await.unwrap();
    }
    assert_eq!(kept(&store, &ann, &names[..2]).await, 4);
    assert!(store.delete(&ann, "first").await.unwrap());
    let gone = async {
        while kept(&store, &ann, &names).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Redis: tests/state.sh"]
async fn an_account_with_an_entry_that_lasts_keeps_count_when_the_others_expire() {
    let home = Home::redis().await;
    let (store, ann) = (redis_store().await, home.account("ann"));
    store.insert(&ann, 9, &expiring("a", 50), Instant::now()).await.unwrap();
    store.insert(&ann, 9, &write("lasts", b"val"), Instant::now()).await.unwrap();
    let gone = async {
        while store.get(&ann, "a").await.unwrap().is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.unwrap();
    assert!(store.insert(&ann, 1, &write("b", b""), Instant::now()).await.is_err());
    assert_eq!(store.page(&ann, None).await.unwrap().items.len(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: tests/state.sh"]
async fn a_redis_that_has_forgotten_the_scripts_is_sent_them_again() {
    let home = Home::redis().await;
    let (store, ann) = (redis_store().await, home.account("ann"));
    for _ in 0..3 {
        let flush = async |redis: &mut _| redis::cmd("SCRIPT").arg("FLUSH").exec_async(redis).await;
        store.connection.run(flush).await.unwrap();
        store.insert(&ann, 1, &write("a", b"val"), Instant::now()).await.unwrap();
        assert_eq!(store.page(&ann, None).await.unwrap().items.len(), 1);
        assert!(store.delete(&ann, "a").await.unwrap());
    }
}

#[tokio::test]
#[ignore = "needs Redis: tests/state.sh"]
async fn a_value_that_redis_has_evicted_is_missing_and_can_be_stored_again() {
    let home = Home::redis().await;
    let (store, ann) = (redis_store().await, home.account("ann"));
    store.insert(&ann, 1, &write("a", b"1"), Instant::now()).await.unwrap();
    let name = AccountKeys::of(&ann).value("a");
    store.connection.run(async |redis| redis.del::<_, ()>(name).await).await.unwrap();
    let store = Store::Redis(store);
    assert_eq!(store.get(&ann, "a", Instant::now()).await.unwrap(), None);
    assert!(!store.delete(&ann, "a", Instant::now()).await.unwrap());
    store.insert(&ann, 1, &write("b", b"2"), Instant::now()).await.unwrap();
}
