//! Accounts as an [`App`].

use std::path::PathBuf;

use clap::Args;
use tokio::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::auth::Policy;
use wayside_chassis::{
    App, Auth, DryRunSupport, Needs, PathAlias, Selector, Setup, StartError, Timeouts,
};
use wayside_proto::accounts::v1::accounts_service_server::AccountsServiceServer;

use crate::AdminToken;
use crate::admin::Admin;
use crate::admin_token::AdminTokenParser;
use crate::database;
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

    /// The token that administrators send as "authorization: Bearer TOKEN", 16 to 256 characters; without it only callers on this
    /// machine may administer accounts. Prefer the variable: other users see the command line. Not together with --jwt-keys: with keys, whoever has a
    /// JWT with the role admin administers accounts, and nobody else.
    #[arg(
        long,
        env = "ACCOUNTS_ADMIN_TOKEN",
        hide_env_values = true,
        value_parser = AdminTokenParser,
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
        let pool = match &args.accounts_data_dir {
            Some(directory) => database::in_directory(directory).await,
            None => database::in_memory().await,
        };
        let store = Store::new(pool.map_err(|error| StartError::setup(Self::NAME, &error))?);
        let admin = Admin::new(args.accounts_admin_token.as_ref());
        let service = AccountsServiceServer::new(Service::new(store, admin))
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        Ok(Routes::new(service))
    }
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
}
