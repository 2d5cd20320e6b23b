//! What only SQLite can come to.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::time::Duration;

use super::{abandon, ada, with_ada};
use crate::account::Name;
use crate::database::{Database, sqlite};
use crate::store::{Account, Effect, Store, StoreError, TokenDigest};

async fn in_memory() -> Store {
    Store::new(Database::Sqlite(sqlite::in_memory().await.unwrap()))
}

#[tokio::test]
async fn callers_that_go_away_leave_a_database_in_memory_as_it_is() {
    let store = in_memory().await;
    let (account, token) = with_ada(&store).await;
    for polls in 0..300 {
        abandon(store.find_by_token(&token), polls % 10).await;
        abandon(store.replace_token(&account.id, &token, Effect::Lasting), polls % 10).await;
        abandon(store.delete(&account.id, Effect::Tried), polls % 10).await;
    }
    assert_eq!(store.find_by_token(&token).await.unwrap(), Some(account));
}

#[tokio::test]
async fn without_a_free_connection_the_store_is_unavailable_after_two_seconds() {
    let pool = sqlite::in_memory().await.unwrap();
    let store = Store::new(Database::Sqlite(pool.clone()));
    let (_, token) = with_ada(&store).await;
    let _held = pool.acquire().await.unwrap();
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    assert!(matches!(store.find_by_token(&token).await, Err(StoreError::Unavailable(_))));
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_locked_database_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let locking = sqlite::in_directory(directory.path()).await.unwrap();
    let _lock = locking.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let impatient = SqliteConnectOptions::new()
        .filename(directory.path().join("accounts.db"))
        .busy_timeout(Duration::ZERO);
    let pool = SqlitePoolOptions::new().connect_with(impatient).await.unwrap();
    let store = Store::new(Database::Sqlite(pool));
    let result = store.insert(&ada(), &TokenDigest::of("token"), Effect::Lasting).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
}

#[tokio::test]
async fn what_follows_a_trial_that_the_database_ended_by_itself_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let pool = sqlite::in_directory(directory.path()).await.unwrap();
    for _ in 0..4 {
        // As SQLite does it when the disk is full.
        let mut trial = pool.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *trial).await.unwrap();
    }
    let store = Store::new(Database::Sqlite(pool));
    for name in 0..8 {
        let name = Name::try_new(name.to_string()).unwrap();
        let account = Account { name, ..ada() };
        let token = TokenDigest::of(account.id.as_str());
        store.insert(&account, &token, Effect::Tried).await.unwrap();
        store.insert(&account, &token, Effect::Lasting).await.unwrap();
    }
    let other = sqlite::in_directory(directory.path()).await.unwrap();
    let other = Store::new(Database::Sqlite(other));
    assert_eq!(other.list(None, 10).await.unwrap().len(), 8);
}
