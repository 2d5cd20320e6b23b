//! What is asked of a database, whichever it is.

use sqlx::Connection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, Postgres};
use sqlx::query::QueryAs;
use sqlx::sqlite::{Sqlite, SqlitePool};

/// The columns of an account in the order in which every statement gives them.
pub(crate) type Row = (String, String, i64, i64);

/// Whether a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is, and lasts.
    Lasting,
    /// It is taken back at once: the caller wants to know what it would come to.
    Tried,
}

/// A statement that gives accounts, in SQL that SQLite and PostgreSQL understand in the same way, and its values: `$1` first.
#[derive(Debug)]
pub(crate) struct Statement {
    sql: &'static str,
    values: Vec<Value>,
}

#[derive(Debug)]
enum Value {
    Text(Option<String>),
    Number(Option<i64>),
}

impl Statement {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// The next value, a text.
    pub(crate) fn text<'a>(mut self, text: impl Into<Option<&'a str>>) -> Self {
        self.values.push(Value::Text(text.into().map(str::to_owned)));
        self
    }

    /// The next value, a number.
    pub(crate) fn number(mut self, number: impl Into<Option<i64>>) -> Self {
        self.values.push(Value::Number(number.into()));
        self
    }
}

/// The same for two drivers whose types have nothing in common that Rust could name in less.
macro_rules! runs_on {
    ($database:ty, $pool:ty, $for_a_trial:expr) => {
        impl RunOn<$pool> for Statement {
            async fn run(self, pool: &$pool, effect: Effect) -> Result<Vec<Row>, sqlx::Error> {
                let mut query: QueryAs<'_, $database, Row, _> = sqlx::query_as(self.sql);
                for value in self.values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Number(number) => query.bind(number),
                    };
                }
                // All rows are fetched, although a change gives one at most: fetching one row would end the statement early, and an error of
                // its commit would be lost.
                match effect {
                    Effect::Lasting => query.fetch_all(pool).await,
                    Effect::Tried => {
                        let mut connection = pool.acquire().await?;
                        $for_a_trial(&mut connection);
                        let mut trial = connection.begin().await?;
                        let rows = query.fetch_all(&mut *trial).await?;
                        trial.rollback().await?;
                        Ok(rows)
                    }
                }
            }
        }
    };
}

/// Runs a statement on the databases of a pool.
pub(super) trait RunOn<P> {
    /// Gives every row.
    fn run(
        self,
        pool: &P,
        effect: Effect,
    ) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send;
}

// A trial that is dropped on the way is taken back before anything else is done with its connection.
runs_on!(Sqlite, SqlitePool, |_| ());
// A connection on which a trial was begun is closed afterwards: sqlx does not notice a transaction whose begin was dropped before its answer came
// (`a_trial_that_was_given_up_leaves_the_database_to_others`), and what later calls change on that connection would never be committed. Dry runs are rare.
runs_on!(Postgres, PgPool, PoolConnection::close_on_drop);
