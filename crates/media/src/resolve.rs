//! From a name to addresses.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Resolver, TokioResolver};

/// Finds the addresses of names. Whatever it says is checked, and asked for once a hop.
#[tonic::async_trait]
pub trait Resolve: Send + Sync + std::fmt::Debug + 'static {
    /// Every address of a name, IPv4 and IPv6; none when there is no such name.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError>;
}

/// The name servers gave no answer, so nothing is known of the name.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the name servers: {0}")]
pub struct ResolveError(#[from] NetError);

/// Asks name servers over DNS.
///
/// Not the system's `getaddrinfo`: that cannot be cancelled, so slow name servers would fill the thread pool, and it does not tell
/// "no such name" from "no answer".
#[derive(Clone)]
pub struct DnsResolver {
    resolver: TokioResolver,
}

impl DnsResolver {
    /// Asks the system's name servers, after its hosts file. A system without a configuration (`/etc/resolv.conf`) has none, and then
    /// no name has an answer.
    ///
    /// # Errors
    /// When the resolver cannot be set up.
    pub fn system() -> Result<Self, ResolveError> {
        let builder = Resolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name can be resolved: the system's name servers are not known");
            Resolver::builder_with_config(ResolverConfig::from_name_servers(Vec::new()), TokioRuntimeProvider::default())
        });
        Ok(Self { resolver: builder.build()? })
    }

    /// Asks one name server and nothing else.
    ///
    /// # Errors
    /// When the resolver cannot be set up.
    pub fn asking(server: SocketAddr) -> Result<Self, ResolveError> {
        let connections =
            [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
        let server = NameServerConfig::new(server.ip(), true, connections.into());
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Ok(Self { resolver: builder.build()? })
    }
}

#[tonic::async_trait]
impl Resolve for DnsResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        // A URL may have a name that DNS cannot: a label of more than 63 bytes, for instance.
        let Ok(name) = Name::from_ascii(name) else { return Ok(Vec::new()) };
        match self.resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::fmt::Debug for DnsResolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DnsResolver").finish_non_exhaustive()
    }
}
