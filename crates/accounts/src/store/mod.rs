//! Where accounts are kept. Every change is one statement, so that racing callers need no transaction; the SQL is understood by SQLite
//! and PostgreSQL. A change that is only tried is the same statement in a transaction that is taken back, so that whatever forbids it is found.

#[cfg(test)]
mod tests;

use crate::account::{Account, AccountId, MaxCacheKeys, Name};
pub(crate) use crate::database::Effect;
use crate::database::{Database, Row, Statement, is_away};
use crate::token::TokenDigest;

/// The accounts and the digests of their tokens.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
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

impl Store {
    /// Keeps accounts in a database that [`database`](crate::database) has opened.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds an account and the digest of its token. Of callers that race for a name, one gets it.
    pub(crate) async fn insert(
        &self,
        account: &Account,
        token: &TokenDigest,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(
            "INSERT INTO accounts (id, name, max_cache_keys, token_digest, create_time) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO NOTHING RETURNING id, name, max_cache_keys, create_time",
        )
        .text(account.id.as_str())
        .text(account.name.as_str())
        .number(account.max_cache_keys.get())
        .text(&*token.to_text())
        .number(account.create_time);
        self.one(statement, effect).await?.map(drop).ok_or(StoreError::NameTaken)
    }

    /// The account whose token has a digest.
    pub(crate) async fn find_by_token(
        &self,
        token: &TokenDigest,
    ) -> Result<Option<Account>, StoreError> {
        let statement = Statement::new(
            "SELECT id, name, max_cache_keys, create_time FROM accounts WHERE token_digest = $1",
        )
        .text(&*token.to_text());
        Ok(self.one(statement, Effect::Lasting).await?)
    }

    /// Changes an account and gives it as it is then; `None` when there is none with this id.
    pub(crate) async fn update(
        &self,
        id: &AccountId,
        change: &Change,
        effect: Effect,
    ) -> Result<Option<Account>, StoreError> {
        let statement = Statement::new(
            "UPDATE accounts SET name = COALESCE($2, name), max_cache_keys = COALESCE($3, max_cache_keys) WHERE id = $1 \
             RETURNING id, name, max_cache_keys, create_time",
        )
        .text(id.as_str())
        .text(change.name.as_ref().map(Name::as_str))
        .number(change.max_cache_keys.map(MaxCacheKeys::get));
        self.one(statement, effect).await.map_err(|error| match error.as_database_error() {
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
        let statement = Statement::new(
            "UPDATE accounts SET token_digest = $2 WHERE id = $1 RETURNING id, name, max_cache_keys, create_time",
        )
        .text(id.as_str())
        .text(&*token.to_text());
        Ok(self.one(statement, effect).await?.is_some())
    }

    /// Deletes an account; `false` when there is none with this id.
    pub(crate) async fn delete(&self, id: &AccountId, effect: Effect) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "DELETE FROM accounts WHERE id = $1 RETURNING id, name, max_cache_keys, create_time",
        )
        .text(id.as_str());
        Ok(self.one(statement, effect).await?.is_some())
    }

    /// Runs a statement that is about one account at most, and gives that account.
    async fn one(
        &self,
        statement: Statement,
        effect: Effect,
    ) -> Result<Option<Account>, sqlx::Error> {
        Ok(self.database.rows(statement, effect).await?.into_iter().next().map(account))
    }

    /// The next accounts in the order of their ids, after one or from the first; at most `limit`.
    pub(crate) async fn list(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // Every id is greater than the empty text.
        let after = after.map_or("", AccountId::as_str);
        let statement = Statement::new(
            "SELECT id, name, max_cache_keys, create_time FROM accounts WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .text(after)
        .number(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = self.database.rows(statement, Effect::Lasting).await?;
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
        if is_away(&error) { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}
