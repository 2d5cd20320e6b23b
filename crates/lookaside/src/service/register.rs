//! Servers that add themselves to a service.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming};
use wayside_balance::Endpoint;
use wayside_chassis::{Context, Peer};
use wayside_proto::lookaside::v1::{LoadReport, RegisterRequest, RegisterResponse};

use super::Balancer;
use crate::Key;
use crate::error::Error;
use crate::source::{Lease, Load};

/// The largest weight that is believed: the sum of many has to stay small.
const MAX_WEIGHT: u32 = 1_000_000;
const MAX_NAME: usize = 253;

/// The lease, each time that it is renewed.
pub(crate) type Renewals = Pin<Box<dyn Stream<Item = Result<RegisterResponse, Status>> + Send>>;

impl Balancer {
    pub(super) fn renewals(
        &self,
        request: Request<Streaming<RegisterRequest>>,
    ) -> Result<Renewals, Error> {
        self.admission.check(&request)?;
        let peer = Context::of(&request).peer().map(|Peer(address)| address);
        let start = Registering {
            balancer: self.clone(),
            peer,
            messages: request.into_inner(),
            lease: None,
        };
        Ok(Box::pin(unfold(Some(start), |registering| async { registering?.next().await })))
    }
}

/// One server. When this is dropped before its end, the connection is broken, and the lease knows what to do.
struct Registering {
    balancer: Balancer,
    peer: Option<SocketAddr>,
    messages: Streaming<RegisterRequest>,
    lease: Option<Lease>,
}

type Renewed = Result<RegisterResponse, Status>;

/// What a registered server has done.
enum Event {
    Said(Box<RegisterRequest>),
    Left,
    Broke(Status),
    Silent,
    Stopping,
}

impl Registering {
    /// Waits for the next message and answers it.
    async fn next(mut self) -> Option<(Renewed, Option<Self>)> {
        let (limit, draining) = (self.balancer.lease, self.balancer.draining.clone());
        match event(&mut self.messages, limit, &draining).await {
            Event::Said(message) => match self.renew(*message) {
                Ok(()) => {
                    let lease = prost_types::Duration::try_from(limit).ok();
                    Some((Ok(RegisterResponse { lease }), Some(self)))
                }
                Err(error) => Some((Err(error.into()), None)),
            },
            Event::Left => {
                self.end();
                None
            }
            Event::Silent => {
                self.end();
                Some((Err(Error::LeaseEnded.into()), None))
            }
            // The lease is dropped, so its grace begins.
            Event::Broke(status) => Some((Err(status), None)),
            Event::Stopping => Some((Err(Error::Stopping.into()), None)),
        }
    }

    fn renew(&mut self, message: RegisterRequest) -> Result<(), Error> {
        let load = message.load;
        if self.lease.is_none() {
            self.lease = Some(self.join(message)?);
        }
        if let (Some(lease), Some(load)) = (&self.lease, load) {
            lease.report(reported(&load));
        }
        Ok(())
    }

    fn join(&self, message: RegisterRequest) -> Result<Lease, Error> {
        let key = self.balancer.key(message.namespace, message.service, message.port)?;
        let told = message.endpoint.unwrap_or_default();
        let [address] = &told.addresses[..] else {
            return Err(Error::Field("endpoint.addresses", "has to have one address".into()));
        };
        let address = announced(address, self.peer)
            .map_err(|problem| Error::Field("endpoint.addresses", problem))?;
        let authority = authority(&key, &told.hostname)?;
        if told.zone.len() > MAX_NAME {
            return Err(Error::Field("endpoint.zone", "is too long".into()));
        }
        let endpoint = Endpoint {
            weight: told.weight.clamp(1, MAX_WEIGHT),
            zone: (!told.zone.is_empty()).then_some(told.zone),
            ..Endpoint::new(address, authority)
        };
        tracing::info!(service = %key, %address, "registered");
        Ok(self.balancer.leases.join(&key, address, endpoint)?)
    }

    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }
}

async fn event(
    messages: &mut Streaming<RegisterRequest>,
    limit: Duration,
    draining: &CancellationToken,
) -> Event {
    tokio::select! {
        () = draining.cancelled() => Event::Stopping,
        message = timeout(limit, messages.message()) => match message {
            Ok(Ok(Some(message))) => Event::Said(Box::new(message)),
            Ok(Ok(None)) => Event::Left,
            Ok(Err(status)) => Event::Broke(status),
            Err(_) => Event::Silent,
        },
    }
}

/// The address that clients get: an IP address and a port; of a server that listens on every address, the one that it calls from.
fn announced(text: &str, peer: Option<SocketAddr>) -> Result<SocketAddr, String> {
    let mut address: SocketAddr =
        text.parse().map_err(|_| "has to be an IP address and a port".to_owned())?;
    if address.ip().is_unspecified() {
        let peer = peer.ok_or("has to say where the server is: its caller is not known")?;
        address.set_ip(peer.ip().to_canonical());
    }
    let many = match address.ip() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    if many || address.port() == 0 {
        return Err("has to be one machine's address, and its port not 0".to_owned());
    }
    Ok(address)
}

/// What the server is called: as it says, else as its service.
fn authority(key: &Key, hostname: &str) -> Result<http::uri::Authority, Error> {
    let name = if hostname.is_empty() { key.service() } else { hostname };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let good = name.len() <= MAX_NAME && name.bytes().all(is_host);
    let authority = if good { name.parse().ok() } else { None };
    authority.ok_or_else(|| Error::Field("endpoint.hostname", "is not the name of a host".into()))
}

fn reported(load: &LoadReport) -> Load {
    Load { utilization: load.utilization, rps: load.rps_fractional, eps: load.eps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_machines_and_everywhere_is_where_the_caller_is() {
        let peer = Some("[::ffff:10.0.0.7]:4000".parse().unwrap());
        for (text, expected) in [
            ("10.0.0.1:50051", Some("10.0.0.1:50051")),
            ("[::1]:50051", Some("[::1]:50051")),
            ("0.0.0.0:50051", Some("10.0.0.7:50051")),
            ("[::]:50051", Some("10.0.0.7:50051")),
            ("10.0.0.1:0", None),
            ("224.0.0.1:1", None),
            ("255.255.255.255:1", None),
            ("[ff02::1]:1", None),
            ("greet:50051", None),
            ("10.0.0.1", None),
            ("", None),
        ] {
            let address = announced(text, peer).ok();
            assert_eq!(address, expected.map(|text| text.parse().unwrap()), "{text}");
        }
        assert!(announced("0.0.0.0:1", None).is_err());
    }

    #[test]
    fn a_name_is_a_hosts_or_that_of_the_service() {
        let key = "default/greet:1".parse().unwrap();
        assert_eq!(authority(&key, "").unwrap(), "greet");
        assert_eq!(authority(&key, "greet-1.example").unwrap(), "greet-1.example");
        for name in ["a@b", "a:1", "a/b", "a b", &"a".repeat(254)] {
            assert!(authority(&key, name).is_err(), "{name}");
        }
    }
}
