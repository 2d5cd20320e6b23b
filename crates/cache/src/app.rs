//! The cache as an [`App`].

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_balance::Target;
use wayside_chassis::rate_limit::Quota;
use wayside_chassis::{
    App, DryRunSupport, Needs, PathAlias, Selector, Setup, StartError, Timeouts, parse_duration,
    secret_value_parser,
};
use wayside_proto::accounts::v1::accounts_service_client::AccountsServiceClient;
use wayside_proto::cache::v1::cache_service_server::CacheServiceServer;

use crate::limits::{Limits, parse_rate};
use crate::metrics::Fullness;
use crate::service::Service;
use crate::size::parse_size;
use crate::store::{CacheStore, MemoryStore, RedisStore, Store, keep_swept};
use crate::tenants::Tenants;

/// Where an accounts server listens unless told otherwise.
const DEFAULT_ACCOUNTS_TARGET: &str = "127.0.0.1:5052";
/// How long a call with one request and one reply may take: a lookup of the account and a moment, so what takes longer is lost.
const UNARY: Timeouts =
    Timeouts { default: Some(Duration::from_secs(10)), max: Some(Duration::from_secs(60)) };
/// How long a stream may take: as long as there are entries, which the caller's own speed decides.
const STREAMING: Timeouts = Timeouts { default: None, max: None };

const DUMP: &str = "/cache.v1.CacheService/Dump";
const RESTORE: &str = "/cache.v1.CacheService/Restore";

/// The cache server.
#[derive(Debug)]
pub struct Cache;

/// What the cache server can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct CacheArgs {
    /// The accounts server that knows whose token a call carries [default: 127.0.0.1:5052].
    #[arg(long, env = "CACHE_ACCOUNTS_TARGET", value_name = "TARGET", help_heading = "Cache")]
    pub cache_accounts_target: Option<Target>,

    /// How long the accounts server may take to answer, if the call has that much time left.
    #[arg(long, env = "CACHE_ACCOUNTS_TIMEOUT", default_value = "2s", value_parser = parse_timeout, value_name = "DURATION", help_heading = "Cache")]
    pub cache_accounts_timeout: Duration,

    /// How long an answer of the accounts server is kept: how long a token that was revoked may still work. With 0s, every call asks.
    #[arg(long, env = "CACHE_ACCOUNT_TTL", default_value = "1s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Cache")]
    pub cache_account_ttl: Duration,

    /// Where entries are kept: "memory", where they end with the server and each replica has its own, or a Redis or Valkey that replicas share, as
    /// redis://USER@HOST:PORT/DATABASE, of which only the host is needed, with rediss:// for TLS (the certificates of the system say whom to trust).
    #[arg(
        long,
        env = "CACHE_STORE",
        hide_env_values = true,
        default_value = "memory",
        value_parser = secret_value_parser(CacheStore::try_new),
        value_name = "STORE",
        help_heading = "Cache"
    )]
    pub cache_store: CacheStore,

    /// The file that holds the password for Redis. It is read once, at the start.
    #[arg(long, env = "CACHE_STORE_PASSWORD_FILE", value_name = "FILE", help_heading = "Cache")]
    pub cache_store_password_file: Option<PathBuf>,

    /// How large the keys and values of all accounts may be together, in bytes or with KiB, MiB, GiB; each entry takes about 200 bytes
    /// of memory besides. Redis has a limit of its own, its maxmemory, and this one is not used.
    #[arg(long, env = "CACHE_MAX_BYTES", default_value = "1GiB", value_parser = parse_size, value_name = "SIZE", help_heading = "Cache")]
    pub cache_max_bytes: u64,

    /// How fast the calls of an account may come, as calls a second and how many may come at once, such as 150:5; a stream is one call. Without it,
    /// as fast as they like.
    #[arg(long, env = "CACHE_ACCOUNT_RATE", value_parser = parse_rate, value_name = "CALLS:BURST", help_heading = "Cache")]
    pub cache_account_rate: Option<Quota>,

    /// How many calls of an account may be in flight; a stream is until it ends. Without it, as many as there are.
    #[arg(long, env = "CACHE_ACCOUNT_CALLS", value_parser = clap::value_parser!(u32).range(1..), value_name = "CALLS", help_heading = "Cache")]
    pub cache_account_calls: Option<u32>,
}

impl App for Cache {
    const NAME: &'static str = "cache";
    const ABOUT: &'static str =
        "Keeps keys and values of many tenants, each within the limit of its account.";
    const PORT: u16 = 5051;
    const ADMIN_PORT: u16 = 9104;
    const MAX_CONCURRENT_STREAMS: u32 = 64;
    const SERVICES: &'static [&'static str] = &["cache.v1.CacheService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;
    const ALIASES: &'static [PathAlias] =
        &[PathAlias { from: "/rpc.Cache/", to: "/cache.v1.CacheService/" }];

    type Args = CacheArgs;

    /// Auth stays off: the token of a call is that of an account, which says whose entries it is about, and the service has it looked up.
    fn needs(_: &CacheArgs) -> Needs {
        let timeouts = Selector::builder(UNARY).on(DUMP, STREAMING).on(RESTORE, STREAMING);
        let dry_run = Selector::builder(DryRunSupport::Refused)
            .on("/cache.v1.CacheService/Store", DryRunSupport::Supported)
            .on("/cache.v1.CacheService/Delete", DryRunSupport::Supported)
            .on(RESTORE, DryRunSupport::Supported)
            .on("/cache.v1.CacheService/Get", DryRunSupport::ReadOnly)
            .on(DUMP, DryRunSupport::ReadOnly);
        Needs { timeouts, dry_run, long_calls: &[DUMP, RESTORE], ..Needs::default() }
    }

    async fn routes(args: CacheArgs, setup: &Setup) -> Result<Routes, StartError> {
        let target = match args.cache_accounts_target {
            Some(target) => target,
            None => DEFAULT_ACCOUNTS_TARGET
                .parse()
                .map_err(|error| StartError::setup(Self::NAME, &error))?,
        };
        let channel =
            setup.channel(&target).map_err(|error| StartError::setup(Self::NAME, &error))?;
        let accounts = AccountsServiceClient::new(channel);
        let tenants = Tenants::new(accounts, args.cache_accounts_timeout, args.cache_account_ttl);
        let store =
            store(args.cache_store, args.cache_store_password_file, args.cache_max_bytes, setup)
                .await?;
        let limits = Limits::new(args.cache_account_rate, args.cache_account_calls);
        let service = Service::new(store, tenants, limits);
        setup.tell(service.refusals());
        let service = CacheServiceServer::new(service)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        Ok(Routes::new(service))
    }
}

/// The store that the options ask for.
async fn store(
    location: CacheStore,
    password_file: Option<PathBuf>,
    max_bytes: u64,
    setup: &Setup,
) -> Result<Store, StartError> {
    let wrong_file = |reason| StartError::Option {
        name: Cache::NAME,
        option: "--cache-store-password-file",
        reason,
    };
    match location {
        CacheStore::Memory if password_file.is_some() => Err(wrong_file(
            "without --cache-store redis://… there is nothing to log in to".to_owned(),
        )),
        CacheStore::Memory => {
            let store = Arc::new(MemoryStore::new(max_bytes));
            setup.spawn(keep_swept(store.clone()));
            setup.tell(Fullness(store.clone()));
            Ok(Store::Memory(store))
        }
        CacheStore::Redis(address) => {
            let address = address
                .with_password_of(password_file.as_deref())
                .map_err(|error| wrong_file(format!("it cannot be read: {error}")))?;
            let store = RedisStore::open(address).await;
            Ok(Store::Redis(store.map_err(|error| StartError::setup(Cache::NAME, &error))?))
        }
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout.is_zero() {
        Err("a timeout of 0 leaves no time for an answer".to_owned())
    } else {
        Ok(timeout)
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: CacheArgs,
    }

    #[test]
    fn the_options_have_the_promised_defaults() {
        Cli::command().debug_assert();
        let args = Cli::parse_from(["cache"]).args;
        assert_eq!(args.cache_accounts_target, None);
        assert_eq!(args.cache_accounts_timeout, Duration::from_secs(2));
        assert_eq!(args.cache_account_ttl, Duration::from_secs(1));
        assert_eq!(args.cache_max_bytes, 1 << 30);
        assert!(matches!(args.cache_store, CacheStore::Memory));
        assert_eq!((args.cache_account_rate, args.cache_account_calls), (None, None));
        assert!(DEFAULT_ACCOUNTS_TARGET.parse::<Target>().is_ok());
    }

    #[test]
    fn only_streams_have_no_timeout_and_every_method_can_be_tried() {
        let needs = Cache::needs(&Cli::parse_from(["cache"]).args);
        let (timeouts, dry_run) = (needs.timeouts.build().unwrap(), needs.dry_run.build().unwrap());
        for (method, expected, support) in [
            ("Store", UNARY, DryRunSupport::Supported),
            ("Get", UNARY, DryRunSupport::ReadOnly),
            ("Delete", UNARY, DryRunSupport::Supported),
            ("Dump", STREAMING, DryRunSupport::ReadOnly),
            ("Restore", STREAMING, DryRunSupport::Supported),
        ] {
            let path = format!("/{}/{method}", Cache::SERVICES[0]);
            assert_eq!((*timeouts.get(&path), *dry_run.get(&path)), (expected, support), "{path}");
        }
    }

    #[test]
    fn options_that_cannot_work_are_refused() {
        for option in [
            ["--cache-max-bytes", "0"],
            ["--cache-accounts-timeout", "0s"],
            ["--cache-account-ttl", "1"],
            ["--cache-accounts-target", "dns:///accounts:0"],
            ["--cache-account-rate", "150"],
            ["--cache-account-calls", "0"],
            ["--cache-store", "memcached://cache"],
        ] {
            assert!(Cli::try_parse_from(["cache", option[0], option[1]]).is_err(), "{option:?}");
        }
    }

    #[tokio::test]
    async fn a_password_needs_a_redis_to_log_in_to_and_a_file_that_can_be_read() {
        for name in ["memory", "redis://127.0.0.1:1"] {
            let location = CacheStore::try_new(name).unwrap();
            let error = store(location, Some("/missing".into()), 1, &Setup::default()).await;
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("option --cache-store-password-file of cache"), "{error}");
        }
    }
}
