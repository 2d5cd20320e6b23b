//! The database: SQLite in memory or in a directory, or a PostgreSQL that several replicas share. What is asked of them is the same SQL, and their tables
//! come from the same migrations.

mod any;
mod location;
mod migrations;
pub(crate) mod postgres;
pub(crate) mod sqlite;
mod statement;

pub(crate) use any::{Database, OpenError, is_away};
pub use location::{BadDatabaseUrl, DatabaseUrl};
pub(crate) use statement::{Effect, Row, Statement};
