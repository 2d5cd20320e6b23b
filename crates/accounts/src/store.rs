//! Where accounts are kept. Every change is one statement, so that racing callers need no transaction; the SQL is understood by SQLite
//! and PostgreSQL.

use sqlx::sqlite::SqlitePool;

use crate::account::{Account, AccountId, MaxCacheKeys, Name};
use crate::token::TokenDigest;

/// The accounts and the digests of their tokens.
#[derive(Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another account has the name.
    #[error("an account with this name exists already")]
    NameTaken,
    /// The database is busy or away; later it may answer.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The database has failed.
    #[error("the database has failed")]
    Failed(#[source] sqlx::Error),
}

/// What to change of an account; `None` leaves it as it is.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) name: Option<Name>,
    pub(crate) max_cache_keys: Option<MaxCacheKeys>,
}

/// The columns of an account in the order in which every query gives them.
type Row = (String, String, i64, i64);

impl Store {
    /// Keeps accounts in a database that [`database`](crate::database) has opened.
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    /// Adds an account and the digest of its token. Of callers that race for a name, one gets it.
    pub(crate) async fn insert(
        &self,
        account: &Account,
        token: &TokenDigest,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "INSERT INTO accounts (id, name, max_cache_keys, token_digest, create_time) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(account.id.as_str())
        .bind(account.name.as_str())
        .bind(account.max_cache_keys.get())
        .bind(token.to_text())
        .bind(account.create_time)
        .execute(&self.pool)
        .await?;
        if result.rows_affected() == 0 { Err(StoreError::NameTaken) } else { Ok(()) }
    }

    /// The account whose token has a digest.
    pub(crate) async fn find_by_token(
        &self,
        token: &TokenDigest,
    ) -> Result<Option<Account>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, name, max_cache_keys, create_time FROM accounts WHERE token_digest = $1",
        )
        .bind(token.to_text())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(account))
    }

    /// Changes an account and gives it as it is now; `None` when there is none with this id.
    pub(crate) async fn update(
        &self,
        id: &AccountId,
        change: &Change,
    ) -> Result<Option<Account>, StoreError> {
        // All rows are fetched, although there is at most one: fetching one row would end the statement early, and an error of
        // its commit would be lost.
        let rows: Vec<Row> = sqlx::query_as(
            "UPDATE accounts SET name = COALESCE($2, name), max_cache_keys = COALESCE($3, max_cache_keys) WHERE id = $1 \
             RETURNING id, name, max_cache_keys, create_time",
        )
        .bind(id.as_str())
        .bind(change.name.as_ref().map(Name::as_str))
        .bind(change.max_cache_keys.map(MaxCacheKeys::get))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| match error.as_database_error() {
            // The name is the only unique column that is written here.
            Some(cause) if cause.is_unique_violation() => StoreError::NameTaken,
            _ => error.into(),
        })?;
        Ok(rows.into_iter().next().map(account))
    }

    /// Replaces the token of an account; `false` when there is none with this id.
    pub(crate) async fn replace_token(
        &self,
        id: &AccountId,
        token: &TokenDigest,
    ) -> Result<bool, StoreError> {
        let result = sqlx::query("UPDATE accounts SET token_digest = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(token.to_text())
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Deletes an account; `false` when there is none with this id.
    pub(crate) async fn delete(&self, id: &AccountId) -> Result<bool, StoreError> {
        let result = sqlx::query("DELETE FROM accounts WHERE id = $1")
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// The next accounts in the order of their ids, after one or from the first; at most `limit`.
    pub(crate) async fn list(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // Every id is greater than the empty text.
        let after = after.map_or("", AccountId::as_str);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, name, max_cache_keys, create_time FROM accounts WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(account).collect())
    }
}

fn account((id, name, max_cache_keys, create_time): Row) -> Account {
    Account {
        id: AccountId::from_store(id),
        name: Name::from_store(name),
        max_cache_keys: MaxCacheKeys::from_store(max_cache_keys),
        create_time,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Io(_) => true,
            sqlx::Error::Database(cause) => is_locked(cause.code().as_deref()),
            _ => false,
        };
        if away { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

/// Whether SQLite says that another connection holds the lock: SQLITE_BUSY (5) or SQLITE_LOCKED (6). The code may be an extended one,
/// which has the primary code in its low byte (<https://www.sqlite.org/rescode.html>).
fn is_locked(code: Option<&str>) -> bool {
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

#[cfg(test)]
mod tests {
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
        store.insert(&account, &token).await.unwrap();
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
            abandon(store.replace_token(&account.id, &token), polls % 10).await;
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
        let result = store.insert(&ada(), &TokenDigest::of("token")).await;
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
        let result = store.update(&account.id, &change).await;
        assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
    }
}
