//! What brings the tables up to date.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every change of the tables, oldest first, for both kinds of database. Not by `sqlx::migrate!`, which needs the query macros and a build script.
pub(super) fn migrations() -> Migrator {
    let accounts = include_str!("../../migrations/0001_accounts.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(
        1,
        "accounts".into(),
        MigrationType::Simple,
        accounts,
        false,
    )])
}
