//! The database that was chosen.

use std::io;
use std::path::PathBuf;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgDatabaseError, PgPool};
use sqlx::sqlite::SqlitePool;

use super::statement::RunOn;
use super::{Effect, Row, Statement, postgres, sqlite};

/// A database with the tables of this release.
#[derive(Debug)]
pub(crate) enum Database {
    /// A database that only this process uses.
    Sqlite(SqlitePool),
    /// One that others use too.
    Postgres(PgPool),
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The directory is not there and cannot be made, or cannot be entered.
    #[error("cannot use the directory '{}'", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open the database")]
    Open(#[source] sqlx::Error),
    /// The tables are not those of this release, and cannot be made so.
    #[error("cannot bring the database up to date")]
    Migrate(#[source] MigrateError),
    /// Bringing the tables up to date took too long; another replica may be at it.
    #[error("the database was not up to date within {} s", postgres::MIGRATE_TIMEOUT.as_secs())]
    MigrateTimeout,
}

impl Database {
    /// Runs a statement and gives its rows, those of a change that is only tried too.
    pub(crate) async fn rows(
        &self,
        statement: Statement,
        effect: Effect,
    ) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => statement.run(pool, effect).await,
            Self::Postgres(pool) => postgres::in_time(statement.run(pool, effect)).await,
        }
    }
}

/// Whether an error says that the database is busy or away, and may answer later.
pub(crate) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(cause) => says_away(cause.as_ref()),
        _ => false,
    }
}

fn says_away(cause: &(dyn DatabaseError + 'static)) -> bool {
    match cause.try_downcast_ref::<PgDatabaseError>() {
        Some(cause) => postgres::is_away(cause.code()),
        None => sqlite::is_locked(cause.code().as_deref()),
    }
}
