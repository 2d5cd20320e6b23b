//! SQLite: a database in memory or in a directory.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use tokio::time::Duration;

use super::OpenError;
use super::migrations::migrations;

/// The name of the database file.
const FILE: &str = "accounts.db";
/// How many connections a database file is given; in WAL mode readers do not wait for the writer.
const CONNECTIONS: u32 = 4;
/// How long to wait for a connection, and for the lock of another writer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Opens a database that ends with its pool.
pub(crate) async fn in_memory() -> Result<SqlitePool, OpenError> {
    // The connection is the database: there is one, and it is never closed.
    open(
        pool_options().min_connections(1).max_connections(1),
        SqliteConnectOptions::new().in_memory(true),
    )
    .await
}

/// Opens the database of a directory. Both are made if they are missing, the directory for this user only.
pub(crate) async fn in_directory(path: &Path) -> Result<SqlitePool, OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    // An absolute path, because SQLite reads a path that starts with `file:` as a URI.
    let directory = made
        .and_then(|()| path.canonicalize())
        .map_err(|source| OpenError::Directory { path: path.to_owned(), source })?;
    let file = SqliteConnectOptions::new()
        .filename(directory.join(FILE))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A token that was replaced must not come back with a power failure.
        .synchronous(SqliteSynchronous::Full);
    let pool = pool_options()
        .max_connections(CONNECTIONS)
        .after_release(|connection, _| Box::pin(is_outside_transactions(connection)));
    open(pool, file).await
}

/// Whether a connection may be used again. SQLite ends a transaction by itself when the disk is full or cannot be read
/// (<https://www.sqlite.org/lang_transaction.html>), which sqlx does not notice: its next transaction would never end, and keep what comes after it to itself.
async fn is_outside_transactions(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // One that was dropped is taken back in the connection's own time, before it answers.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

fn pool_options() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .acquire_timeout(TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // A caller that goes away during the test would close the connection, and with it a database in memory.
        .test_before_acquire(false)
}

async fn open(
    pool: SqlitePoolOptions,
    database: SqliteConnectOptions,
) -> Result<SqlitePool, OpenError> {
    let database = database
        .foreign_keys(true)
        .busy_timeout(TIMEOUT)
        .thread_name(|number| format!("accounts-db-{number}"));
    let pool = pool.connect_with(database).await.map_err(OpenError::Open)?;
    migrations().run(&pool).await.map_err(OpenError::Migrate)?;
    Ok(pool)
}

/// Whether SQLite says that another connection holds the lock: SQLITE_BUSY (5) or SQLITE_LOCKED (6). The code may be an extended one,
/// which has the primary code in its low byte (<https://www.sqlite.org/rescode.html>).
pub(super) fn is_locked(code: Option<&str>) -> bool {
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn pragma(pool: &SqlitePool, query: &'static str) -> String {
        sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_opened_in_wal_mode_with_full_durability() {
        let directory = tempfile::tempdir().unwrap();
        let pool = in_directory(directory.path()).await.unwrap();
        assert_eq!(pragma(&pool, "SELECT journal_mode FROM pragma_journal_mode").await, "wal");
        assert_eq!(
            pragma(&pool, "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await,
            "2"
        );
        assert_eq!(
            pragma(&pool, "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await,
            "1"
        );
        assert_eq!(
            pragma(&pool, "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout").await,
            "2000"
        );
    }

    #[tokio::test]
    async fn a_missing_directory_is_made_for_this_user_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b c?%#");
        in_directory(&path).await.unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(path.join(FILE).is_file());
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_used_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = in_directory(file.path()).await.unwrap_err();
        assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
        assert!(error.source().is_some(), "the system's reason is kept");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join(FILE),
            "not a database, but long enough to look at".repeat(50),
        )
        .unwrap();
        assert!(matches!(
            in_directory(directory.path()).await,
            Err(OpenError::Open(_) | OpenError::Migrate(_))
        ));
    }
}
