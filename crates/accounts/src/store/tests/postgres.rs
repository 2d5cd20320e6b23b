//! What only PostgreSQL can come to.

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use super::{Home, ada, with_ada};
use crate::database::{Database, postgres};
use crate::store::{Effect, Store, StoreError, TokenDigest};

fn pool(store: &Store) -> &sqlx::PgPool {
    match &store.database {
        Database::Postgres(pool) => pool,
        Database::Sqlite(_) => panic!("a test of PostgreSQL"),
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/state.sh"]
async fn a_table_that_another_keeps_locked_is_unavailable_in_time() {
    let home = Home::postgres().await;
    let (store, locking) = (home.open().await, home.open().await);
    let (_, token) = with_ada(&store).await;
    let mut lock = pool(&locking).begin().await.unwrap();
    sqlx::query("LOCK TABLE accounts").execute(&mut *lock).await.unwrap();
    let start = Instant::now();
    let result = store.find_by_token(&token).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    lock.rollback().await.unwrap();
    assert!(store.find_by_token(&token).await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/state.sh"]
async fn replicas_that_start_at_once_all_find_the_tables() {
    let Home::Postgres(options) = Home::postgres().await else { panic!("a test of PostgreSQL") };
    let mut starting = JoinSet::new();
    for _ in 0..8 {
        let options = options.clone();
        starting.spawn(async move { postgres::open(*options).await });
    }
    for opened in starting.join_all().await {
        let store = Store::new(opened.unwrap());
        assert_eq!(store.list(None, 1).await.unwrap(), []);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/state.sh"]
async fn a_connection_that_is_ended_in_a_trial_leaves_nothing_and_is_replaced() {
    let home = Home::postgres().await;
    let store = home.open().await;
    let (account, token) = with_ada(&store).await;
    let other = home.open().await;
    for _ in 0..5 {
        let end_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let (result, _) = tokio::join!(
            store.delete(&account.id, Effect::Tried),
            sqlx::query(end_others).execute(pool(&other)),
        );
        assert!(matches!(result, Ok(true) | Err(StoreError::Unavailable(_))), "{result:?}");
    }
    assert_eq!(store.find_by_token(&token).await.unwrap(), Some(account));
    let taken = store.insert(&ada(), &TokenDigest::of("other"), Effect::Lasting).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
}
