//! A channel of ours for the lab.

use std::net::SocketAddr;

use tokio::time::Duration;
use wayside_balance::resolver::{Registry, manual};
use wayside_balance::{Channel, Endpoint, Keepalive, Pool};

/// What a strategy asks of a channel.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    pub(crate) addresses: &'a [SocketAddr],
    pub(crate) service_config: &'a str,
    /// The connections to a server.
    pub(crate) connections: usize,
    /// Time and timeout of keepalive.
    pub(crate) keepalive: Option<Duration>,
}

/// Tells a channel of the servers that there are now, as a resolver does.
pub(crate) type Resolve = Box<dyn Fn(&[SocketAddr]) + Send>;

/// Makes the channel.
///
/// # Errors
/// Why a channel cannot do what is asked of it.
pub(crate) fn channel(recipe: &Recipe<'_>) -> anyhow::Result<(Channel, Resolve)> {
    let (resolver, list) = manual();
    list.push(endpoints(recipe.addresses));
    let mut resolvers = Registry::default();
    resolvers.register("lab", move |_, _| Ok(Box::new(resolver.clone())));
    let connections = recipe.connections;
    let mut builder = Channel::builder(&"lab:///greet".parse()?)
        .resolvers(resolvers)
        .service_config_json(recipe.service_config)?
        .pool(Pool { min: connections, max: connections, ..Pool::default() });
    if let Some(time) = recipe.keepalive {
        builder = builder.keepalive(Keepalive { time, timeout: time, without_calls: true });
    }
    Ok((builder.build()?, Box::new(move |addresses| list.push(endpoints(addresses)))))
}

fn endpoints(addresses: &[SocketAddr]) -> Vec<Endpoint> {
    // An address is always an authority.
    let endpoint =
        |address: &SocketAddr| Some(Endpoint::new(*address, address.to_string().parse().ok()?));
    addresses.iter().filter_map(endpoint).collect()
}
