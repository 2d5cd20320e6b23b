//! Where accounts are kept. Every change is one statement, so that racing callers need no transaction; the SQL is understood by SQLite
//! and PostgreSQL. A change that is only tried is the same statement in a transaction that is taken back, so that whatever forbids it is found.

#[cfg(test)]
mod tests;

use sqlx::query::QueryAs;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool};

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

/// Whether a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is, and lasts.
    Lasting,
    /// It is taken back at once: the caller wants to know what it would come to.
    Tried,
}

/// The columns of an account in the order in which every query gives them.
type Row = (String, String, i64, i64);

/// A statement that gives accounts.
type Statement<'a> = QueryAs<'a, Sqlite, Row, SqliteArguments>;

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
        effect: Effect,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query_as(
            "INSERT INTO accounts (id, name, max_cache_keys, token_digest, create_time) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO NOTHING RETURNING id, name, max_cache_keys, create_time",
        )
        .bind(account.id.as_str())
        .bind(account.name.as_str())
        .bind(account.max_cache_keys.get())
        .bind(token.to_text())
        .bind(account.create_time);
        self.change(statement, effect).await?.map(drop).ok_or(StoreError::NameTaken)
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

    /// Changes an account and gives it as it is then; `None` when there is none with this id.
    pub(crate) async fn update(
        &self,
        id: &AccountId,
        change: &Change,
        effect: Effect,
    ) -> Result<Option<Account>, StoreError> {
        let statement = sqlx::query_as(
            "UPDATE accounts SET name = COALESCE($2, name), max_cache_keys = COALESCE($3, max_cache_keys) WHERE id = $1 \
             RETURNING id, name, max_cache_keys, create_time",
        )
        .bind(id.as_str())
        .bind(change.name.as_ref().map(Name::as_str))
        .bind(change.max_cache_keys.map(MaxCacheKeys::get));
        self.change(statement, effect).await.map_err(|error| match error.as_database_error() {
            // The name is the only unique column that is written here.
            Some(cause) if cause.is_unique_violation() => StoreError::NameTaken,
            _ => error.into(),
        })
    }

    /// Replaces the token of an account; `false` when there is none with this id.
    pub(crate) async fn replace_token(
        &self,
        id: &AccountId,
        token: &TokenDigest,
        effect: Effect,
    ) -> Result<bool, StoreError> {
        let statement = sqlx::query_as(
            "UPDATE accounts SET token_digest = $2 WHERE id = $1 RETURNING id, name, max_cache_keys, create_time",
        )
        .bind(id.as_str())
        .bind(token.to_text());
        Ok(self.change(statement, effect).await?.is_some())
    }

    /// Deletes an account; `false` when there is none with this id.
    pub(crate) async fn delete(&self, id: &AccountId, effect: Effect) -> Result<bool, StoreError> {
        let statement = sqlx::query_as(
            "DELETE FROM accounts WHERE id = $1 RETURNING id, name, max_cache_keys, create_time",
        )
        .bind(id.as_str());
        Ok(self.change(statement, effect).await?.is_some())
    }

    /// Runs a statement that changes one account at most, and gives that account.
    async fn change(
        &self,
        statement: Statement<'_>,
        effect: Effect,
    ) -> Result<Option<Account>, sqlx::Error> {
        // All rows are fetched, although there is at most one: fetching one row would end the statement early, and an error of
        // its commit would be lost.
        let rows = match effect {
            Effect::Lasting => statement.fetch_all(&self.pool).await?,
            Effect::Tried => {
                // When it is dropped on the way, it is taken back before anything else is done with its connection.
                let mut trial = self.pool.begin().await?;
                let rows = statement.fetch_all(&mut *trial).await?;
                trial.rollback().await?;
                rows
            }
        };
        Ok(rows.into_iter().next().map(account))
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
