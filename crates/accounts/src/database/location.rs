//! Where a PostgreSQL is, as an option.

use std::path::Path;
use std::{fmt, io};

use sqlx::postgres::PgConnectOptions;

/// Where a PostgreSQL is, and as whom to talk to it; without a password.
///
/// What the URL does not say is what libpq would take: `PGHOST` and the like, and a password of `~/.pgpass`.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

/// Why a text cannot be a [`DatabaseUrl`]; the text is not shown, as there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabaseUrl {
    /// It is not the URL of a PostgreSQL.
    #[error("a database is postgres://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full]")]
    Unknown,
    /// It has a password in it.
    #[error(
        "a password on the command line is seen by other users; put it in a file and name that with --accounts-database-password-file"
    )]
    Password,
}

impl DatabaseUrl {
    /// Takes a text as URL.
    ///
    /// # Errors
    /// When it is no URL of a PostgreSQL, or has a password in it.
    pub fn try_new(text: &str) -> Result<Self, BadDatabaseUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadDatabaseUrl::Unknown)?;
        if !["postgres", "postgresql"].contains(&scheme) {
            return Err(BadDatabaseUrl::Unknown);
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let user = place.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || query.split('&').any(|pair| pair.starts_with("password=")) {
            return Err(BadDatabaseUrl::Password);
        }
        text.parse().map(Self).map_err(|_| BadDatabaseUrl::Unknown)
    }

    /// How to connect, with the password that is in a file, whose last line end is no part of it.
    pub(crate) fn with_password_of(self, file: Option<&Path>) -> io::Result<PgConnectOptions> {
        let Some(file) = file else { return Ok(self.0) };
        let text = std::fs::read_to_string(file)?;
        Ok(self.0.password(text.trim_end_matches(['\r', '\n'])))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(options) = self;
        formatter
            .debug_struct("DatabaseUrl")
            .field("host", &options.get_host())
            .field("port", &options.get_port())
            .field("database", &options.get_database())
            .field("sslmode", &options.get_ssl_mode())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;
    use crate::AccountsArgs;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: AccountsArgs,
    }

    #[test]
    fn a_url_says_where_the_database_is_and_how_it_is_verified() {
        let url = "postgresql://ada@db.example:5433/accounts?sslmode=verify-full";
        let shown = format!("{:?}", DatabaseUrl::try_new(url).unwrap());
        assert!(shown.contains("db.example") && shown.contains("VerifyFull"), "{shown}");
        for text in ["", "postgres", "mysql://a@b/c", "sqlite://a", "postgres://a@b:port/c"] {
            assert_eq!(DatabaseUrl::try_new(text).unwrap_err(), BadDatabaseUrl::Unknown, "{text}");
        }
    }

    #[test]
    fn a_password_comes_from_a_file_and_is_not_shown() {
        for url in ["postgres://ada:hunter2@db/accounts", "postgres://ada@db/a?password=hunter2"] {
            let parsed = Cli::try_parse_from(["accounts", "--accounts-database-url", url]);
            let text = format!("{}", parsed.unwrap_err());
            assert!(text.contains("password-file") && !text.contains("hunter2"), "{text}");
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2\n").unwrap();
        let url = DatabaseUrl::try_new("postgres://ada@db/accounts").unwrap();
        let with_password = DatabaseUrl(url.with_password_of(Some(file.path())).unwrap());
        assert!(!format!("{with_password:?}").contains("hunter2"));
    }
}
