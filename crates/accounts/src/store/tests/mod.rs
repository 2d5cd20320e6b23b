//! One suite for every database; those on PostgreSQL are run by `tests/state.sh`.

mod postgres;
mod sqlite;
mod suite;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::sqlx::postgres::{PgConnectOptions, PgPool};
use tempfile::TempDir;

use super::{Account, Effect, MaxCacheKeys, Name, Store, TokenDigest};
use crate::DatabaseUrl;
use crate::account::AccountId;
use crate::database::{self, Database};

/// Runs each test of the suite on both.
macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::suite::$name(super::Home::directory()).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            #[ignore = "needs PostgreSQL: tests/state.sh"]
            async fn $name() {
                super::suite::$name(super::Home::postgres().await).await;
            })*
        }
    };
}

on_every_database! {
    a_database_without_its_table_has_failed,
    an_update_that_cannot_be_committed_is_an_error,
    a_change_that_is_tried_comes_to_the_same_and_is_taken_back,
    a_trial_that_was_given_up_leaves_the_database_to_others,
    callers_that_go_away_leave_the_database_as_it_is,
    what_one_replica_changes_the_other_sees,
    pages_together_have_every_account_once,
}

/// A database of a test's own.
enum Home {
    Directory(TempDir),
    Postgres(Box<PgConnectOptions>),
}

impl Home {
    fn directory() -> Self {
        Self::Directory(tempfile::tempdir().unwrap())
    }

    async fn postgres() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let file = told("WAYSIDE_TEST_POSTGRES_PASSWORD_FILE");
        let url = DatabaseUrl::try_new(&told("WAYSIDE_TEST_POSTGRES")).unwrap();
        let options = url.with_password_of(Some(file.as_ref())).unwrap();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("unit_{}_{number}", std::process::id());
        let pool = PgPool::connect_with(options.clone()).await.unwrap();
        let create = ::sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        ::sqlx::query(create).execute(&pool).await.unwrap();
        Self::Postgres(Box::new(options.database(&name)))
    }

    /// How often to try what goes wrong in one of many ways. A connection to PostgreSQL takes long to make without optimisation, for its password.
    fn rounds(&self) -> usize {
        match self {
            Self::Directory(_) => 200,
            Self::Postgres(_) => 40,
        }
    }

    /// Opens it, as another replica would.
    async fn open(&self) -> Store {
        Store::new(match self {
            Self::Directory(directory) => {
                Database::Sqlite(database::sqlite::in_directory(directory.path()).await.unwrap())
            }
            Self::Postgres(options) => database::postgres::open(*options.clone()).await.unwrap(),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "tests/state.sh tells tests where its servers are")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run tests/state.sh"))
}

impl Database {
    async fn execute(&self, sql: &'static str) {
        match self {
            Self::Sqlite(pool) => drop(::sqlx::query(sql).execute(pool).await.unwrap()),
            Self::Postgres(pool) => drop(::sqlx::query(sql).execute(pool).await.unwrap()),
        }
    }
}

fn ada() -> Account {
    Account {
        id: AccountId::generate().unwrap(),
        name: Name::try_new("ada".to_owned()).unwrap(),
        max_cache_keys: MaxCacheKeys::try_new(3).unwrap(),
        create_time: 1,
    }
}

async fn with_ada(store: &Store) -> (Account, TokenDigest) {
    let (account, token) = (ada(), TokenDigest::of("token"));
    store.insert(&account, &token, Effect::Lasting).await.unwrap();
    (account, token)
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
