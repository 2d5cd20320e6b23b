//! Accounts as an [`App`].

use std::path::PathBuf;

use clap::Args;
use tokio::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::auth::Policy;
use wayside_chassis::{
    App, Auth, DryRunSupport, Needs, PathAlias, Selector, Setup, StartError, Timeouts,
    secret_value_parser,
};
use wayside_proto::accounts::v1::accounts_service_server::AccountsServiceServer;

use crate::AdminToken;
use crate::admin::Admin;
use crate::database::{Database, DatabaseUrl, postgres, sqlite};
use crate::service::Service;
use crate::store::Store;

/// The role of those who administer accounts, where callers have a token of an issuer.
const ADMIN: &str = "admin";
/// Every method is a statement or two: what takes longer waits for a database that does not answer.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The accounts server.
#[derive(Debug)]
pub struct Accounts;

/// What the accounts server can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct AccountsArgs {
    /// The directory of the database, made if it is missing; without it accounts are kept in memory and end with the server.
    #[arg(long, env = "ACCOUNTS_DATA_DIR", value_name = "DIRECTORY", help_heading = "Accounts")]
    pub accounts_data_dir: Option<PathBuf>,

    /// The PostgreSQL that replicas share, in place of a directory, as postgres://USER@HOST:PORT/DATABASE. Without sslmode the connection is encrypted where
    /// the server offers it, and the server is not verified (prefer); ?sslmode=verify-full does both or fails, with the certificates of Mozilla or those of
    /// sslrootcert=FILE.
    #[arg(
        long,
        env = "ACCOUNTS_DATABASE_URL",
        hide_env_values = true,
        value_parser = secret_value_parser(DatabaseUrl::try_new),
        value_name = "URL",
        help_heading = "Accounts"
    )]
    pub accounts_database_url: Option<DatabaseUrl>,

    /// The file that holds the password for PostgreSQL. It is read once, at the start.
    #[arg(
        long,
        env = "ACCOUNTS_DATABASE_PASSWORD_FILE",
        value_name = "FILE",
        help_heading = "Accounts"
    )]
    pub accounts_database_password_file: Option<PathBuf>,

    /// The token that administrators send as "authorization: Bearer TOKEN", 16 to 256 characters; without it only callers on this
    /// machine may administer accounts. Prefer the variable: other users see the command line. Not together with --jwt-keys: with keys, whoever has a
    /// JWT with the role admin administers accounts, and nobody else.
    #[arg(
        long,
        env = "ACCOUNTS_ADMIN_TOKEN",
        hide_env_values = true,
        value_parser = secret_value_parser(AdminToken::try_new),
        value_name = "TOKEN",
        help_heading = "Accounts"
    )]
    pub accounts_admin_token: Option<AdminToken>,
}

impl App for Accounts {
    const NAME: &'static str = "accounts";
    const ABOUT: &'static str =
        "Keeps accounts, how much of the cache each may use, and the digests of their tokens.";
    const PORT: u16 = 5052;
    const ADMIN_PORT: u16 = 9103;
    const SERVICES: &'static [&'static str] = &["accounts.v1.AccountsService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;
    const ALIASES: &'static [PathAlias] =
        &[PathAlias { from: "/rpc.Accounts/", to: "/accounts.v1.AccountsService/" }];

    type Args = AccountsArgs;

    fn needs(_: &AccountsArgs) -> Needs {
        let mut needs = Needs::default();
        let policy = Policy::builder()
            .public("/accounts.v1.AccountsService/GetByToken")
            .roles("/accounts.v1.AccountsService/*", [ADMIN]);
        // Without keys the rule of `admin` decides alone.
        needs.auth = Auth::WithKeys(policy);
        needs.timeouts =
            Selector::builder(Timeouts { default: Some(DEFAULT_TIMEOUT), max: Some(MAX_TIMEOUT) });
        needs.dry_run = needs
            .dry_run
            .on("/accounts.v1.AccountsService/CreateAccount", DryRunSupport::Supported)
            .on("/accounts.v1.AccountsService/UpdateAccount", DryRunSupport::Supported)
            .on("/accounts.v1.AccountsService/RotateToken", DryRunSupport::Supported)
            .on("/accounts.v1.AccountsService/DeleteAccount", DryRunSupport::Supported)
            .on("/accounts.v1.AccountsService/GetByToken", DryRunSupport::ReadOnly)
            .on("/accounts.v1.AccountsService/ListAccounts", DryRunSupport::ReadOnly);
        needs
    }

    async fn routes(args: AccountsArgs, setup: &Setup) -> Result<Routes, StartError> {
        if setup.checks_jwts() && args.accounts_admin_token.is_some() {
            return Err(StartError::Option {
                name: Self::NAME,
                option: "--accounts-admin-token",
                reason: "with --jwt-keys only JWTs with the role admin administer accounts, and both would be sent as \
                         'authorization'; leave one of the two options out"
                    .to_owned(),
            });
        }
        let store = Store::new(open(&args).await?);
        let admin = Admin::new(args.accounts_admin_token.as_ref());
        let service = AccountsServiceServer::new(Service::new(store, admin))
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        Ok(Routes::new(service))
    }
}

/// The database that the options ask for.
async fn open(args: &AccountsArgs) -> Result<Database, StartError> {
    let password_file = args.accounts_database_password_file.as_deref();
    let wrong = |option, reason| StartError::Option { name: Accounts::NAME, option, reason };
    let opened = match (&args.accounts_database_url, &args.accounts_data_dir) {
        (Some(_), Some(_)) => {
            let reason = "accounts are in that directory or in the database of --accounts-database-url; \
                          leave one of the two options out";
            return Err(wrong("--accounts-data-dir", reason.to_owned()));
        }
        (Some(url), None) => {
            let options = url.clone().with_password_of(password_file).map_err(|error| {
                wrong("--accounts-database-password-file", format!("it cannot be read: {error}"))
            })?;
            postgres::open(options).await
        }
        (None, _) if password_file.is_some() => {
            let reason = "without --accounts-database-url there is nothing to log in to";
            return Err(wrong("--accounts-database-password-file", reason.to_owned()));
        }
        (None, Some(directory)) => sqlite::in_directory(directory).await.map(Database::Sqlite),
        (None, None) => sqlite::in_memory().await.map(Database::Sqlite),
    };
    opened.map_err(|error| StartError::setup(Accounts::NAME, &error))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: AccountsArgs,
    }

    fn needs() -> Needs {
        Accounts::needs(&Cli::parse_from(["accounts"]).args)
    }

    #[test]
    fn every_method_that_changes_something_can_be_tried_and_the_others_only_read() {
        let support = needs().dry_run.build().unwrap();
        for (method, expected) in [
            ("GetByToken", DryRunSupport::ReadOnly),
            ("CreateAccount", DryRunSupport::Supported),
            ("UpdateAccount", DryRunSupport::Supported),
            ("RotateToken", DryRunSupport::Supported),
            ("DeleteAccount", DryRunSupport::Supported),
            ("ListAccounts", DryRunSupport::ReadOnly),
            ("AddedLater", DryRunSupport::Refused),
        ] {
            let path = format!("/accounts.v1.AccountsService/{method}");
            assert_eq!(*support.get(&path), expected, "{method}");
        }
    }

    #[test]
    fn calls_take_10_seconds_unless_they_ask_for_up_to_60() {
        let timeouts = needs().timeouts.build().unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for method in ["GetByToken", "CreateAccount", "ListAccounts"] {
            let path = format!("/accounts.v1.AccountsService/{method}");
            assert_eq!(
                *timeouts.get(&path),
                Timeouts { default: seconds(10), max: seconds(60) },
                "{method}"
            );
        }
    }

    #[tokio::test]
    async fn options_that_contradict_each_other_are_named() {
        let (url, file) = ("postgres://ada@127.0.0.1:1/accounts", "/missing");
        for (args, option) in [
            (
                vec!["--accounts-database-url", url, "--accounts-data-dir", "/tmp"],
                "--accounts-data-dir",
            ),
            (vec!["--accounts-database-password-file", file], "--accounts-database-password-file"),
            (
                vec!["--accounts-database-url", url, "--accounts-database-password-file", file],
                "--accounts-database-password-file",
            ),
        ] {
            let cli = Cli::parse_from([&["accounts"], args.as_slice()].concat());
            let error = open(&cli.args).await.unwrap_err().to_string();
            assert!(error.starts_with(&format!("option {option} of accounts")), "{error}");
        }
    }
}
