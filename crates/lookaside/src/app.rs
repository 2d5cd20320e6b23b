//! The look-aside balancer as an [`App`].

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use tokio::time::Duration;
use tonic::service::Routes;
use wayside_chassis::auth::Policy;
use wayside_chassis::parse_duration;
use wayside_chassis::{App, Auth, DryRunSupport, Needs, PathAlias, Selector, Setup, StartError};
use wayside_proto::lookaside::v1::host_lookaside_service_server::HostLookasideServiceServer;

use crate::directory::{Directory, Settings};
use crate::grpclb::LoadBalancerServer;
use crate::service::{Admission, Balancer, LookasideServer, RegisterToken};
use crate::source::{Leases, Source, Sources};

/// The look-aside balancer.
#[derive(Debug)]
pub struct Lookaside;

/// What the look-aside balancer can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct LookasideArgs {
    /// Where endpoints come from: kubernetes, dns:PATTERN with {service} and {namespace}, static:FILE, registry. Several are asked in order; the first that
    /// has endpoints of a service counts.
    #[arg(
        long,
        env = "LOOKASIDE_SOURCE",
        value_delimiter = ',',
        default_value = "registry",
        value_name = "SOURCE",
        help_heading = "Look-aside"
    )]
    pub lookaside_source: Vec<Source>,

    /// The port of questions that name none, as those of the first release do.
    #[arg(long, env = "LOOKASIDE_DEFAULT_PORT", default_value_t = 50051, value_parser = clap::value_parser!(u16).range(1..), value_name = "PORT", help_heading = "Look-aside")]
    pub lookaside_default_port: u16,

    /// How often name servers are asked for each service that is in use, whatever the TTL of their records says.
    #[arg(long, env = "LOOKASIDE_REFRESH", default_value = "1s", value_parser = parse_positive, value_name = "DURATION", help_heading = "Look-aside")]
    pub lookaside_refresh: Duration,

    /// How many services are followed at a time; those that nobody has asked for the longest give way.
    #[arg(long, env = "LOOKASIDE_MAX_SERVICES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER", help_heading = "Look-aside")]
    pub lookaside_max_services: u32,

    /// Whether this balancer asks each endpoint for its health, and leaves out those that do not serve or cannot be reached.
    #[arg(long, env = "LOOKASIDE_HEALTH_CHECK", default_value_t = false, action = ArgAction::Set, value_name = "BOOL", help_heading = "Look-aside")]
    pub lookaside_health_check: bool,

    /// Within which time a registered server has to send a sign of life.
    #[arg(long, env = "LOOKASIDE_LEASE", default_value = "10s", value_parser = parse_positive, value_name = "DURATION", help_heading = "Look-aside")]
    pub lookaside_lease: Duration,

    /// How long a registered server is kept whose connection breaks.
    #[arg(long, env = "LOOKASIDE_LEASE_GRACE", default_value = "1s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Look-aside")]
    pub lookaside_lease_grace: Duration,

    /// A file with the token that servers need to register from any machine, as "authorization: Bearer". Without it, only those on this machine may.
    #[arg(
        long,
        env = "LOOKASIDE_REGISTER_TOKEN_FILE",
        value_name = "FILE",
        help_heading = "Look-aside"
    )]
    pub lookaside_register_token_file: Option<PathBuf>,
}

fn parse_positive(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(100);
    let duration = parse_duration(text)?;
    if duration < LEAST { Err("it has to be 100ms at least".to_owned()) } else { Ok(duration) }
}

/// Who may register where tokens of an issuer are checked.
const ROLE: &str = "server";

impl App for Lookaside {
    const NAME: &'static str = "lookaside";
    const ABOUT: &'static str = "Tells gRPC clients which endpoints a service has.";
    const PORT: u16 = 50055;
    const ADMIN_PORT: u16 = 9106;
    const SERVICES: &'static [&'static str] = &[
        "lookaside.v1.LookasideService",
        "lookaside.v1.HostLookasideService",
        "grpc.lb.v1.LoadBalancer",
    ];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;
    const ALIASES: &'static [PathAlias] =
        &[PathAlias { from: "/lookaside.Lookaside/", to: "/lookaside.v1.HostLookasideService/" }];

    type Args = LookasideArgs;

    fn needs(_: &LookasideArgs) -> Needs {
        let policy = Policy::builder()
            .public("/lookaside.v1.LookasideService/*")
            .public("/lookaside.v1.HostLookasideService/*")
            .public("/grpc.lb.v1.LoadBalancer/*")
            .roles("/lookaside.v1.LookasideService/Register", [ROLE]);
        Needs {
            auth: Auth::WithKeys(policy),
            dry_run: Selector::builder(DryRunSupport::ReadOnly)
                .on("/lookaside.v1.LookasideService/Register", DryRunSupport::default()),
            long_calls: &[
                "/lookaside.v1.LookasideService/WatchEndpoints",
                "/lookaside.v1.LookasideService/Register",
                "/grpc.lb.v1.LoadBalancer/BalanceLoad",
            ],
            ..Needs::default()
        }
    }

    async fn routes(args: LookasideArgs, setup: &Setup) -> Result<Routes, StartError> {
        let leases = Leases::new(args.lookaside_lease_grace);
        setup.spawn(leases.clone().sweep());
        let resolvers = crate::source_resolvers();
        let sources = Sources::open(&args.lookaside_source, &leases, resolvers, setup).await?;
        let settings = Settings {
            max_services: args.lookaside_max_services as usize,
            refresh: args.lookaside_refresh,
            health_checks: args.lookaside_health_check,
        };
        let admission = match &args.lookaside_register_token_file {
            Some(path) => Admission::Token(RegisterToken::read(path).await?),
            None => Admission::Local,
        };
        let balancer = Balancer {
            directory: Directory::start(sources, settings, setup),
            leases,
            admission: Arc::new(admission),
            default_port: args.lookaside_default_port,
            lease: args.lookaside_lease,
            draining: setup.draining(),
        };
        Ok(Routes::new(LookasideServer::new(balancer.clone()))
            .add_service(HostLookasideServiceServer::new(balancer.clone()))
            .add_service(LoadBalancerServer::new(balancer)))
    }
}
