//! What `wayside up` can be told: its own options and those of every server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use accounts::AccountsArgs;
use cache::CacheArgs;
use clap::{ArgAction, Args};
use gateway::GatewayArgs;
use greet::GreetArgs;
use lookaside::LookasideArgs;
use media::MediaArgs;
use movies::MoviesArgs;
use wayside_chassis::{AdminListen, ProcessArgs};

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct UpArgs {
    /// Added to the port of every server, so that two systems fit on one machine.
    #[arg(long, env = "PORT_OFFSET", default_value_t = 0, value_name = "NUMBER")]
    pub(crate) port_offset: u16,

    /// The address that every server listens on; 0.0.0.0 or :: lets other machines in.
    #[arg(long, env = "BIND", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    pub(crate) bind: IpAddr,

    /// Where accounts are kept from one start to the next. Without it they live in memory and go with the process.
    #[arg(long, env = "DATA_DIR", value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Encrypts every call between the servers and from clients, with certificates that are made for it if --tls-dir has none.
    #[arg(long, env = "TLS", value_name = "BOOL", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set, conflicts_with_all = ["tls_cert", "tls_ca"])]
    pub(crate) tls: bool,

    /// Where the certificates of --tls are, as `wayside certs` writes them.
    #[arg(long, env = "TLS_DIR", default_value = "certs", value_name = "DIRECTORY")]
    pub(crate) tls_dir: PathBuf,

    /// Where /livez, /readyz, /metrics, /log and /debug/channels of the whole system are served over HTTP: port 9100, moved as the others, unless this says otherwise.
    #[arg(long, env = "ADMIN_LISTEN", value_name = "ADDRESS:PORT|off")]
    pub(crate) admin_listen: Option<AdminListen>,

    #[command(flatten)]
    pub(crate) process: ProcessArgs,
    #[command(flatten)]
    pub(crate) greet: GreetArgs,
    #[command(flatten)]
    pub(crate) media: MediaArgs,
    #[command(flatten)]
    pub(crate) movies: MoviesArgs,
    #[command(flatten)]
    pub(crate) accounts: AccountsArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) lookaside: LookasideArgs,
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
}
