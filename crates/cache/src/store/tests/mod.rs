//! One suite for every store; those on Redis are run by `tests/state.sh`.

mod redis;
mod suite;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CacheStore, MemoryStore, RedisStore, Store, Write};

/// Runs each test of the suite on both.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::suite::$name(super::Home::memory()).await;
            })*
        }

        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs Redis: tests/state.sh"]
            async fn $name() {
                super::suite::$name(super::Home::redis().await).await;
            })*
        }
    };
}

on_every_store! {
    a_key_can_be_replaced_at_the_limit_and_a_new_one_cannot_be_added,
    a_deleted_entry_is_gone_and_frees_its_place,
    what_has_expired_is_gone_and_does_not_count,
    more_expired_entries_than_one_batch_never_stand_in_the_way,
    an_entry_has_the_time_to_live_of_its_last_write,
    a_page_tells_how_long_its_entries_have_left,
    pages_follow_the_bytes_of_the_keys_and_go_on_after_any_key,
    a_page_has_at_most_64_entries_and_256_kib,
    accounts_are_apart_whatever_their_ids_are,
    any_key_and_any_value_come_back_as_they_were,
    racing_inserts_of_two_replicas_leave_exactly_the_limit,
    the_store_does_what_a_naive_model_does,
    a_rehearsal_says_of_every_write_what_the_real_run_says_and_changes_nothing,
}

/// A store of which a test uses accounts that no other test uses.
#[derive(Clone)]
struct Home {
    store: Store,
    number: usize,
}

impl Home {
    fn memory() -> Self {
        Self::of(Store::Memory(Arc::new(MemoryStore::new(u64::MAX))))
    }

    async fn redis() -> Self {
        Self::of(Store::Redis(redis_store().await))
    }

    fn of(store: Store) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        Self { store, number: MADE.fetch_add(1, Ordering::Relaxed) }
    }

    /// The store as another replica has it.
    async fn replica(&self) -> Store {
        match &self.store {
            Store::Memory(_) => self.store.clone(),
            Store::Redis(_) => Store::Redis(redis_store().await),
        }
    }

    /// An account of this test alone.
    fn account(&self, name: &str) -> Arc<str> {
        format!("{name}_{}_{}", std::process::id(), self.number).into()
    }
}

async fn redis_store() -> RedisStore {
    let file = told("WAYSIDE_TEST_REDIS_PASSWORD_FILE");
    let Ok(CacheStore::Redis(address)) = CacheStore::try_new(&told("WAYSIDE_TEST_REDIS")) else {
        panic!("WAYSIDE_TEST_REDIS is the address of a Redis")
    };
    let address = address.with_password_of(Some(file.as_ref())).unwrap();
    RedisStore::open(address).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tests/state.sh tells tests where its servers are")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run tests/state.sh"))
}

fn write<'a>(key: &'a str, val: &'a [u8]) -> Write<'a> {
    Write { key, val, expires: None }
}
