//! Every address that a host has in DNS.
//!
//! This file decides *when* a name is looked up and what counts as news; [`lookup`] asks, and [`source`] knows whom.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::FutureExt;
use http::uri::Authority;
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tonic::Status;

use self::lookup::{Found, Lookup, NameServers};
use self::source::Source;
use super::fixed::Fixed;
use super::{
    ChooseServiceConfig, NextResolution, Resolution, ResolveNow, Resolver, ResolverOptions,
};
use crate::naming::{Host, HostPort, Place};
use crate::{Address, Endpoint, ServiceConfig, ServiceConfigError, Target, TargetError};

mod lookup;
mod source;
#[cfg(test)]
mod tests;

/// The longest that one look-up may take, all its retries included. Source: grpc-go, `ResolvingTimeout`.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);
/// Below this, a name with a TTL of 0 would be looked up without a pause.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);
/// Longer than this no TTL is believed either (hickory's `MAX_TTL`).
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// An IP address and `localhost` need no look-up: see [`loopback`].
pub(super) fn build(
    target: &Target,
    options: &ResolverOptions,
) -> Result<Box<dyn Resolver>, TargetError> {
    let Place::Dns { server, host } = target.place() else {
        return Err(TargetError::invalid(target.scheme(), target, "is not a host in DNS"));
    };
    let name = match &host.host {
        Host::Ip(_) => {
            let endpoint = Endpoint::new(host.address(), host.authority.clone());
            return Ok(Box::new(Fixed::new(vec![endpoint])));
        }
        Host::Name(name) if is_localhost(name) => {
            return Ok(Box::new(Fixed::new(vec![loopback(host)])));
        }
        Host::Name(name) => name,
    };
    let source = server.map_or(Source::System, Source::Server);
    let servers = NameServers::new(name, source, options.txt_service_config.is_some())
        .ok_or_else(|| TargetError::invalid(name, target, "cannot be a name in DNS"))?;
    Ok(Box::new(DnsResolver::new(Box::new(servers), host, options)))
}

/// `localhost` and whatever ends in it. Source: RFC 6761, section 6.3.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

/// One server with two addresses, not two servers: where it listens on one of them only, a policy that spreads the calls would keep trying the other.
/// Most servers that listen on one listen on 127.0.0.1, so that comes first; `::1` is tried when it fails, and fails at once on a machine without IPv6.
fn loopback(host: &HostPort) -> Endpoint {
    let address = |ip: IpAddr| Address::Ip((ip, host.port).into());
    let mut endpoint = Endpoint::new(address(Ipv4Addr::LOCALHOST.into()), host.authority.clone());
    endpoint.addresses.push(address(Ipv6Addr::LOCALHOST.into()));
    endpoint
}

/// Looks a name up when its records expire, and when the channel wants it.
#[derive(Debug)]
struct DnsResolver {
    lookup: Box<dyn Lookup>,
    port: u16,
    authority: Authority,
    min_interval: Duration,
    choose: Option<Arc<dyn ChooseServiceConfig>>,
    /// When the last look-up ended.
    last: Option<Instant>,
    /// Until when the last answer holds: for ever, if it does not say. `None` when the name is to be looked up at once, at first and after a failure.
    valid: Option<Option<Instant>>,
    addresses: Vec<IpAddr>,
    config: Option<Config>,
}

/// A service config with the records that it was read from.
#[derive(Debug)]
struct Config {
    records: Vec<String>,
    chosen: Option<Result<ServiceConfig, ServiceConfigError>>,
}

impl Resolver for DnsResolver {
    fn next<'a>(&'a mut self, resolve_now: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async move {
            loop {
                let asked = self.wait(resolve_now).await;
                let found = timeout(LOOKUP_TIMEOUT, self.lookup.lookup()).await;
                self.last = Some(Instant::now());
                self.valid = None;
                let found = found.unwrap_or_else(|_| Err(no_answer(&self.authority)))?;
                self.valid = Some(found.valid_until);
                if self.take(found) || asked {
                    return Ok(self.resolution());
                }
            }
        })
    }
}

impl DnsResolver {
    fn new(lookup: Box<dyn Lookup>, host: &HostPort, options: &ResolverOptions) -> Self {
        Self {
            lookup,
            port: host.port,
            authority: host.authority.clone(),
            min_interval: options.dns_min_interval.clamp(LEAST_INTERVAL, LONGEST_INTERVAL),
            choose: options.txt_service_config.clone(),
            last: None,
            valid: None,
            addresses: Vec::new(),
            config: None,
        }
    }

    /// Waits until the name is to be looked up. Returns whether somebody waits for the answer, even if it is the old one.
    async fn wait(&self, resolve_now: &ResolveNow) -> bool {
        let asked = match self.valid {
            None => true,
            Some(until) => {
                let expires = async {
                    match until {
                        Some(until) => sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = expires => false,
                    () = resolve_now.wanted() => true,
                }
            }
        };
        if let Some(last) = self.last {
            sleep_until(last + self.min_interval).await;
        }
        // Wishes that came in the meantime get this answer too.
        resolve_now.wanted().now_or_never().is_some() || asked
    }

    /// Takes an answer over. Returns whether it is news.
    ///
    /// The first answer keeps the order of the name server, which turns it so that the clients of `pick_first` do not all go to the same address. Later
    /// ones keep the place of what is known: nothing has changed for them when it was only turned again.
    fn take(&mut self, found: Found) -> bool {
        let mut fresh: HashSet<_> = found.addresses.iter().copied().collect();
        let in_order = self.addresses.iter().chain(&found.addresses).copied();
        let addresses: Vec<_> = in_order.filter(|address| fresh.remove(address)).collect();
        let other_addresses = addresses != self.addresses;
        self.addresses = addresses;
        let other_config = found.config_records.is_some_and(|records| self.take_config(records));
        other_addresses || other_config
    }

    fn take_config(&mut self, records: Vec<String>) -> bool {
        let Some(choose) = &self.choose else { return false };
        if self.config.as_ref().is_some_and(|known| known.records == records) {
            return false;
        }
        let chosen = choose.choose(&records);
        let known = self.config.replace(Config { records, chosen });
        self.chosen() != known.and_then(|known| known.chosen).as_ref()
    }

    fn chosen(&self) -> Option<&Result<ServiceConfig, ServiceConfigError>> {
        self.config.as_ref().and_then(|config| config.chosen.as_ref())
    }

    fn resolution(&self) -> Resolution {
        let endpoint =
            |ip: &IpAddr| Endpoint::new(SocketAddr::new(*ip, self.port), self.authority.clone());
        Resolution {
            endpoints: self.addresses.iter().map(endpoint).collect(),
            service_config: self.chosen().cloned(),
        }
    }
}

fn no_answer(authority: &Authority) -> Status {
    let host = authority.host();
    let limit = LOOKUP_TIMEOUT.as_secs();
    Status::unavailable(format!("'{host}' cannot be looked up: no answer in {limit} s"))
}
