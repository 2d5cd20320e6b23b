//! Who knows a name: the system's hosts file and name servers, or one name server.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use tonic::Status;

type Config = Result<(ResolverConfig, ResolverOpts), NetError>;

/// Where answers come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The hosts file, then the name servers and search domains of the system (`/etc/resolv.conf`).
    System,
    /// This name server and nothing else.
    Server(SocketAddr),
    /// As the system, with these files in their place.
    #[cfg(test)]
    Files { hosts: &'static str, resolv_conf: Option<&'static str> },
}

/// What can be asked now.
pub(super) struct Opened {
    hosts: Hosts,
    pub(super) resolver: Result<TokioResolver, NetError>,
}

impl Source {
    /// Reads the files anew, for each look-up: they change when a machine moves to another network, and they cost less to read than a question costs.
    /// With the resolver goes its cache, so that a name is always asked for.
    pub(super) async fn open(&self) -> Result<Opened, Status> {
        let source = self.clone();
        // A list of blocked names can make a hosts file long.
        let opened = tokio::task::spawn_blocking(move || source.read()).await;
        opened
            .map_err(|error| Status::unavailable(format!("the hosts file cannot be read: {error}")))
    }

    fn read(&self) -> Opened {
        let (hosts, config) = match self {
            // A machine without a hosts file has no hosts.
            Self::System => (Hosts::from_system().unwrap_or_default(), read_system_conf()),
            Self::Server(server) => (Hosts::default(), Ok(only(*server))),
            #[cfg(test)]
            Self::Files { hosts, resolv_conf } => {
                let mut read = Hosts::default();
                read.read_hosts_conf(hosts.as_bytes()).unwrap();
                let missing = || std::io::Error::from(std::io::ErrorKind::NotFound).into();
                let parse = hickory_resolver::system_conf::parse_resolv_conf;
                (read, resolv_conf.ok_or_else(missing).and_then(parse))
            }
        };
        Opened { hosts, resolver: resolver(config) }
    }
}

impl Opened {
    /// The addresses of a name in the hosts file. If it has any, name servers are not asked, not even for those of the other family.
    pub(super) fn in_hosts(&self, name: &Name) -> Vec<IpAddr> {
        [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(|family| self.hosts.lookup_static_host(&Query::query(name.clone(), family)))
            .flat_map(|found| {
                found
                    .answers()
                    .iter()
                    .filter_map(|record| record.data.ip_addr())
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn only(server: SocketAddr) -> (ResolverConfig, ResolverOpts) {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    (ResolverConfig::from_name_servers(vec![server]), ResolverOpts::default())
}

fn resolver(config: Config) -> Result<TokioResolver, NetError> {
    let (config, mut options) = config?;
    options.use_hosts_file = ResolveHosts::Never;
    // Both at once, and the A records first: most networks have IPv4, and `pick_first` tries the other family soon enough (gRFC A61).
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    let provider = TokioRuntimeProvider::default();
    Resolver::builder_with_config(config, provider).with_options(options).build()
}
