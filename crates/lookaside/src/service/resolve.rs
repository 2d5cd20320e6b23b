//! One address for one question.

use std::net::SocketAddr;

use wayside_proto::lookaside::v1::{
    HostLookasideServiceResolveRequest, HostRouter, ResolveRequest, Router,
};

use super::Balancer;
use crate::Key;
use crate::directory::Choice;
use crate::error::Error;

impl Balancer {
    pub(super) async fn address(&self, request: ResolveRequest) -> Result<String, Error> {
        let choice = match Router::try_from(request.router) {
            Ok(Router::RoundRobin) => Choice::InTurn,
            Ok(Router::Random) => Choice::AtRandom,
            Ok(Router::Unspecified) | Err(_) => {
                let problem = "has to be ROUTER_ROUND_ROBIN (1) or ROUTER_RANDOM (2), and not";
                return Err(Error::Field("router", format!("{problem} {}", request.router)));
            }
        };
        let key = self.key(request.namespace, request.service, request.port)?;
        self.directory.entry(key)?.pick(choice).await
    }

    /// The answer of the first release: an address that its clients add the port to.
    pub(super) async fn host(
        &self,
        request: HostLookasideServiceResolveRequest,
    ) -> Result<String, Error> {
        let choice = match HostRouter::try_from(request.router) {
            Ok(HostRouter::RoundRobin) => Choice::InTurn,
            Ok(HostRouter::Unspecified) => Choice::AtRandom,
            Err(_) => {
                let problem = "has to be RANDOM (0) or ROUNDROBIN (1), and not";
                return Err(Error::Field("router", format!("{problem} {}", request.router)));
            }
        };
        let key = self.key(request.namespace, request.service, String::new())?;
        let address = self.directory.entry(key)?.pick(choice).await?;
        Ok(match address.parse::<SocketAddr>() {
            Ok(address) => address.ip().to_string(),
            Err(_) => address.rsplit_once(':').map_or(&*address, |(host, _)| host).to_owned(),
        })
    }

    /// What is asked for, with the port of this balancer where none is named.
    pub(super) fn key(
        &self,
        namespace: String,
        service: String,
        port: String,
    ) -> Result<Key, Error> {
        let port = if port.is_empty() { self.default_port.to_string() } else { port };
        Ok(Key::try_new(namespace, service, port)?)
    }
}
