//! PostgreSQL: a pool of connections, each answer within a time, and migrations that replicas may all start at once.

use std::future::Future;
use std::io;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use tokio::time::{Duration, timeout};

use super::migrations::migrations;
use super::{Database, OpenError};

/// How many connections a replica has at most. PostgreSQL allows 100 by default.
const CONNECTIONS: u32 = 10;
/// How long to wait for a connection: less than the cache waits for an answer, so that it hears of the reason.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long PostgreSQL works on a statement, the wait for others' locks included, before it gives it up.
const STATEMENT_TIMEOUT: &str = "1s";
/// How long it keeps a transaction, and its locks, of whoever says nothing any more.
const IDLE_TRANSACTION_TIMEOUT: &str = "5s";
/// How long an answer may take altogether: what a server that is halted, or a network that swallows everything, cannot be told to keep to.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// How long to wait at the start for a server that is starting too.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the tables may take to be brought up to date, the wait for another replica that is at it included.
pub(super) const MIGRATE_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens a database and brings its tables up to date.
pub(crate) async fn open(options: PgConnectOptions) -> Result<Database, OpenError> {
    let options = options.application_name("accounts");
    match timeout(MIGRATE_TIMEOUT, migrate(options.clone())).await {
        Ok(migrated) => migrated?,
        Err(_) => return Err(OpenError::MigrateTimeout),
    }
    let options = options.options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_TRANSACTION_TIMEOUT),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_release(|connection, _| Box::pin(answers(connection)));
    Ok(Database::Postgres(pool.connect_lazy_with(options)))
}

/// Under a lock of the database, which sqlx takes: of replicas that start at once, one migrates and the others find it done. On a connection of its own,
/// as the wait for that lock may take longer than any call.
async fn migrate(options: PgConnectOptions) -> Result<(), OpenError> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(START_TIMEOUT);
    let pool = pool.connect_with(options).await.map_err(OpenError::Open)?;
    let migrated = migrations().run(&pool).await.map_err(OpenError::Migrate);
    pool.close().await;
    migrated
}

/// Whether a connection may be used again. The answer that a call did not wait for comes first, and from a server that is halted not at all: without a bound,
/// the pool would wait for each of them.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    in_time(connection.ping()).await.map(|()| true)
}

/// Gives work up that takes too long. Its connection is not used again before it has answered.
pub(super) async fn in_time<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    timeout(TIMEOUT, work).await.map_err(late)?
}

/// Whether a SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) says that the same may work later: the connection is lost (class 08),
/// the server stops, starts or has too many connections, a replica took its place and is read-only still, others hold a lock for too long.
pub(super) fn is_away(code: &str) -> bool {
    code.starts_with("08")
        || matches!(
            code,
            "25006"
                | "40001"
                | "40P01"
                | "53300"
                | "55P03"
                | "57014"
                | "57P01"
                | "57P02"
                | "57P03"
                | "57P05"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_work_later_is_told_from_what_will_not() {
        for code in ["08006", "57P01", "57P03", "53300", "57014", "40001", "25006"] {
            assert!(is_away(code), "{code}");
        }
        // No such table, wrong password, no such database, a name that is taken, no disk space.
        for code in ["42P01", "28P01", "3D000", "23505", "53100"] {
            assert!(!is_away(code), "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_given_up() {
        let start = tokio::time::Instant::now();
        let error = in_time(std::future::pending::<Result<(), _>>()).await.unwrap_err();
        assert!(matches!(error, sqlx::Error::Io(_)), "{error}");
        assert_eq!(start.elapsed(), TIMEOUT);
    }
}
