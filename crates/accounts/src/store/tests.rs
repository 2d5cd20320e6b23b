use std::future::Future;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::time::Duration;

use crate::database;

use super::*;

fn ada() -> Account {
    Account {
        id: AccountId::generate().unwrap(),
        name: Name::try_new("ada".to_owned()).unwrap(),
        max_cache_keys: MaxCacheKeys::try_new(3).unwrap(),
        create_time: 1,
    }
}

async fn with_ada() -> (Store, Account, TokenDigest) {
    let (store, account, token) =
        (Store::new(database::in_memory().await.unwrap()), ada(), TokenDigest::of("token"));
    store.insert(&account, &token, Effect::Lasting).await.unwrap();
    (store, account, token)
}

/// Polls a future some times and drops it.
async fn abandon(work: impl Future, polls: usize) {
    let mut work = std::pin::pin!(work);
    for _ in 0..polls {
        tokio::select! {
            biased;
            _ = &mut work => return,
            () = tokio::task::yield_now() => {}
        }
    }
}

#[tokio::test]
async fn callers_that_go_away_leave_a_database_in_memory_as_it_is() {
    let (store, account, token) = with_ada().await;
    for polls in 0..300 {
        abandon(store.find_by_token(&token), polls % 10).await;
        abandon(store.replace_token(&account.id, &token, Effect::Lasting), polls % 10).await;
        abandon(store.delete(&account.id, Effect::Tried), polls % 10).await;
    }
    assert_eq!(store.find_by_token(&token).await.unwrap(), Some(account));
}

#[tokio::test]
async fn without_a_free_connection_the_store_is_unavailable_after_two_seconds() {
    let (store, _, token) = with_ada().await;
    let _held = store.pool.acquire().await.unwrap();
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    assert!(matches!(store.find_by_token(&token).await, Err(StoreError::Unavailable(_))));
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_locked_database_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let locking = database::in_directory(directory.path()).await.unwrap();
    let _lock = locking.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let impatient = SqliteConnectOptions::new()
        .filename(directory.path().join("accounts.db"))
        .busy_timeout(Duration::ZERO);
    let store = Store::new(SqlitePoolOptions::new().connect_with(impatient).await.unwrap());
    let result = store.insert(&ada(), &TokenDigest::of("token"), Effect::Lasting).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
}

#[tokio::test]
async fn a_database_without_its_table_has_failed() {
    let (store, _, token) = with_ada().await;
    sqlx::query("DROP TABLE accounts").execute(&store.pool).await.unwrap();
    assert!(matches!(store.find_by_token(&token).await, Err(StoreError::Failed(_))));
}

#[tokio::test]
async fn an_update_that_cannot_be_committed_is_an_error() {
    let (store, account, _) = with_ada().await;
    for statement in [
        "CREATE TABLE friends (of TEXT NOT NULL REFERENCES accounts (name) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO friends VALUES ('ada')",
    ] {
        sqlx::query(statement).execute(&store.pool).await.unwrap();
    }
    let change =
        Change { name: Some(Name::try_new("grace".to_owned()).unwrap()), max_cache_keys: None };
    let result = store.update(&account.id, &change, Effect::Lasting).await;
    assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
}

fn rename(name: &str) -> Change {
    Change { name: Some(Name::try_new(name.to_owned()).unwrap()), max_cache_keys: None }
}

#[tokio::test]
async fn a_change_that_is_tried_comes_to_the_same_and_is_taken_back() {
    let (store, account, token) = with_ada().await;
    let grace = Account { name: Name::try_new("grace".to_owned()).unwrap(), ..ada() };
    let (other, unknown) = (TokenDigest::of("other"), AccountId::generate().unwrap());
    store.insert(&grace, &other, Effect::Tried).await.unwrap();
    let taken = store.insert(&ada(), &other, Effect::Tried).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    let renamed = store.update(&account.id, &rename("countess"), Effect::Tried).await.unwrap();
    assert_eq!(renamed.unwrap().name.as_str(), "countess");
    assert!(store.replace_token(&account.id, &other, Effect::Tried).await.unwrap());
    assert!(store.delete(&account.id, Effect::Tried).await.unwrap());
    assert_eq!(store.update(&unknown, &rename("nobody"), Effect::Tried).await.unwrap(), None);
    assert!(!store.replace_token(&unknown, &other, Effect::Tried).await.unwrap());
    assert!(!store.delete(&unknown, Effect::Tried).await.unwrap());

    store.insert(&grace, &other, Effect::Lasting).await.unwrap();
    let taken = store.update(&account.id, &rename("grace"), Effect::Tried).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    assert_eq!(store.find_by_token(&token).await.unwrap(), Some(account.clone()));
    let mut expected = [account, grace];
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(store.list(None, 10).await.unwrap(), expected);
}

#[tokio::test]
async fn what_follows_a_trial_that_the_database_ended_by_itself_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let pool = database::in_directory(directory.path()).await.unwrap();
    for _ in 0..4 {
        // As SQLite does it when the disk is full.
        let mut trial = pool.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *trial).await.unwrap();
    }
    let store = Store::new(pool);
    for name in 0..8 {
        let name = Name::try_new(name.to_string()).unwrap();
        let account = Account { name, ..ada() };
        let token = TokenDigest::of(account.id.as_str());
        store.insert(&account, &token, Effect::Tried).await.unwrap();
        store.insert(&account, &token, Effect::Lasting).await.unwrap();
    }
    let other = Store::new(database::in_directory(directory.path()).await.unwrap());
    assert_eq!(other.list(None, 10).await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_trial_that_was_given_up_leaves_the_database_to_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(database::in_directory(directory.path()).await.unwrap());
    let account = ada();
    store.insert(&account, &TokenDigest::of("token"), Effect::Lasting).await.unwrap();
    for polls in 0..200 {
        abandon(store.delete(&account.id, Effect::Tried), polls % 20).await;
        let change = rename(&polls.to_string());
        let changed = store.update(&account.id, &change, Effect::Lasting).await.unwrap();
        assert_eq!(changed.unwrap().name.as_str(), polls.to_string());
    }
    let other = Store::new(database::in_directory(directory.path()).await.unwrap());
    assert_eq!(other.list(None, 10).await.unwrap()[0].name.as_str(), "199");
}
