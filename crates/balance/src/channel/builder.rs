//! Settings of a channel.

use std::sync::Arc;

use http::HeaderValue;
use tokio::sync::Notify;
use tokio::time::Duration;

use super::core::Core;
use super::current::Pictures;
use super::snapshot::Board;
use super::subchannels::Subchannels;
use super::{Channel, Inner, Shared};
use crate::resolver::{Registry, ResolveNow, ResolverOptions};
use crate::totals::Totals;
use crate::transport::{Connect, Pings, Sockets, TlsConnector, Transport};
use crate::{
    ClientTls, Keepalive, Pool, ServiceConfig, ServiceConfigError, Target, TargetError, TlsError,
};

/// What a server is told that calls it.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("wayside-balance/", env!("CARGO_PKG_VERSION")));
/// Source: grpc/grpc `doc/connectivity-semantics-and-api.md`, IDLE_TIMEOUT.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const MAX_WAITING_CALLS: usize = 10_000;
/// Source: gRFC A42.
const RING_SIZE_CAP: u32 = 4096;

/// Makes a [`Channel`]. Every setting has a default.
#[derive(Debug)]
#[must_use]
pub struct ChannelBuilder {
    target: Target,
    service_config: ServiceConfig,
    resolvers: Registry,
    resolver_options: ResolverOptions,
    tls: Option<ClientTls>,
    connector: Option<Arc<dyn Connect>>,
    keepalive: Option<Keepalive>,
    idle_timeout: Option<Duration>,
    pool: Pool,
    max_waiting_calls: usize,
    ring_size_cap: u32,
    user_agent: HeaderValue,
}

/// Why a channel cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// There is no resolver for the target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The service config is not valid.
    #[error(transparent)]
    ServiceConfig(#[from] ServiceConfigError),
    /// The certificates cannot be used.
    #[error("the certificates for outgoing calls cannot be used")]
    Tls(#[from] TlsError),
}

impl ChannelBuilder {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            service_config: ServiceConfig::default(),
            resolvers: Registry::default(),
            resolver_options: ResolverOptions::default(),
            tls: None,
            connector: None,
            keepalive: None,
            idle_timeout: Some(IDLE_TIMEOUT),
            pool: Pool::default(),
            max_waiting_calls: MAX_WAITING_CALLS,
            ring_size_cap: RING_SIZE_CAP,
            user_agent: USER_AGENT,
        }
    }

    /// How calls are made, unless the resolver has a service config of its own. Default: `pick_first`, no timeout, no wait for ready.
    pub fn service_config(self, service_config: ServiceConfig) -> Self {
        Self { service_config, ..self }
    }

    /// As [`service_config`](Self::service_config), from JSON as other gRPC stacks take it.
    ///
    /// # Errors
    /// When it is not valid; the error names the field.
    pub fn service_config_json(self, json: &str) -> Result<Self, ServiceConfigError> {
        Ok(self.service_config(json.parse()?))
    }

    /// Resolvers for schemes beside those that are built in. Default: [`Registry::default`].
    pub fn resolvers(self, resolvers: Registry) -> Self {
        Self { resolvers, ..self }
    }

    /// How names are resolved.
    pub fn resolver_options(self, resolver_options: ResolverOptions) -> Self {
        Self { resolver_options, ..self }
    }

    /// Encrypts connections. Default: plain text.
    pub fn tls(self, tls: ClientTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Makes connections in a way of one's own. Default: TCP and Unix domain sockets.
    pub fn connector(self, connector: impl Connect) -> Self {
        Self { connector: Some(Arc::new(connector)), ..self }
    }

    /// Asks silent servers for a sign of life. Default: never.
    pub fn keepalive(self, keepalive: Keepalive) -> Self {
        Self { keepalive: Some(keepalive), ..self }
    }

    /// After how long without a call the channel closes its connections, until the next one comes; `None`: never. Default 30 minutes. A call that goes on keeps it from that.
    pub fn idle_timeout(self, idle_timeout: Option<Duration>) -> Self {
        Self { idle_timeout, ..self }
    }

    /// How many connections there are to each endpoint. Default: one. A service config with `connectionScaling` sets the most.
    pub fn pool(self, pool: Pool) -> Self {
        Self { pool: pool.clamped(), ..self }
    }

    /// How many calls may wait for a connection at a time; one more ends RESOURCE_EXHAUSTED at once. Default 10,000.
    pub fn max_waiting_calls(self, max_waiting_calls: usize) -> Self {
        Self { max_waiting_calls, ..self }
    }

    /// How many entries the ring of a `ring_hash` policy has at most, whatever a service config says: it may come from a stranger, and a ring needs memory. Default 4096 (gRFC A42).
    pub fn ring_size_cap(self, ring_size_cap: u32) -> Self {
        Self { ring_size_cap, ..self }
    }

    /// What servers are told that calls them. Default: this crate and its version.
    pub fn user_agent(self, user_agent: HeaderValue) -> Self {
        Self { user_agent, ..self }
    }

    /// Makes the channel, idle. Has to be called within a tokio runtime, which runs it.
    ///
    /// # Errors
    /// When there is no resolver for the target's scheme, or the certificates cannot be used.
    pub fn build(self) -> Result<Channel, ChannelError> {
        let (target, resolvers, options) = (self.target, self.resolvers, self.resolver_options);
        // What cannot be built is told now, and not when the first call comes.
        resolvers.build(&target, &options)?;
        let user_timeout = self.keepalive.map(|keepalive| keepalive.timeout);
        let connector = self.connector.unwrap_or_else(|| Arc::new(Sockets { user_timeout }));
        let tls = self.tls.as_ref().map(TlsConnector::new).transpose()?;
        let pings = Pings::new(self.keepalive);
        let transport = Arc::new(Transport { connector, tls, pings, backoff_reset: Notify::new() });
        let config = Arc::new(self.service_config);
        let (resolve_now, totals) = (Arc::new(ResolveNow::default()), Arc::<Totals>::default());
        let inner = Arc::new(Inner {
            target: target.clone(),
            pictures: Pictures::new(config.clone(), self.max_waiting_calls),
            board: Board::default(),
            totals: totals.clone(),
            transport: transport.clone(),
            user_agent: self.user_agent,
            wanted: Notify::new(),
            resolve_now: resolve_now.clone(),
            ring_size_cap: self.ring_size_cap,
        });
        let subchannels = Subchannels::new(transport, self.pool, resolve_now.clone(), totals);
        let core = Core::new(
            inner.clone(),
            Box::new(move || resolvers.build(&target, &options)),
            resolve_now,
            config,
            self.idle_timeout,
            subchannels,
        );
        let task = tokio::spawn(core.run()).abort_handle();
        Ok(Channel { shared: Arc::new(Shared { inner, task }) })
    }
}
