//! Accounts as an [`App`].

use std::path::PathBuf;

use clap::Args;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_chassis::{App, PathAlias, Setup, StartError};
use wayside_proto::accounts::v1::accounts_service_server::AccountsServiceServer;

use crate::AdminToken;
use crate::admin::Admin;
use crate::admin_token::AdminTokenParser;
use crate::database;
use crate::service::Service;
use crate::store::Store;

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
    /// machine may administer accounts. Prefer the variable: other users see the command line.
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

    async fn routes(args: AccountsArgs, _: &Setup) -> Result<Routes, StartError> {
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
