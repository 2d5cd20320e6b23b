//! Making a call, by whichever stack.

use std::net::SocketAddr;

use tokio::time::Duration;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::{GreetRequest, GreetResponse};

use super::tonic_clients::{Grower, Turns, endpoint};
use crate::lab::ours::{self, Recipe, Resolve};
use crate::lab::protocol::{Spec, Stack};

type Greet<C> = GreetServiceClient<C>;

/// A client that makes calls; a clone shares its connections.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    Tonic {
        greet: Greet<Channel>,
        attempts: u32,
    },
    Counter {
        greets: Vec<Greet<Channel>>,
        turns: Turns,
    },
    Wayside(Greet<wayside_chassis::Outgoing>),
    /// Without the interceptors: what tonic's channel is compared with where every microsecond counts.
    Bare(Greet<wayside_balance::Channel>),
}

/// What the requests of a client have in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) timeout: Duration,
    metadata: MetadataMap,
}

/// What tells a client of new servers, where it can be told.
pub(super) enum Resolver {
    Fixed,
    Tonic(Grower),
    Wayside(Resolve),
}

/// Sets a client up.
///
/// # Errors
/// Why the stack cannot do what is asked of it.
pub(super) fn caller(spec: &Spec) -> Result<(Caller, Resolver), String> {
    let keepalive = spec.keepalive_ms.map(Duration::from_millis);
    let fixed = |caller| match spec.list_changes {
        true => Err("it cannot be told of new servers".to_owned()),
        false => Ok((caller, Resolver::Fixed)),
    };
    let endpoints = || spec.addresses.iter().map(|address| endpoint(*address, keepalive));
    match &spec.stack {
        Stack::TonicOne => {
            let endpoint = endpoints().next().ok_or("there is no server")??;
            let greet = Greet::new(endpoint.connect_lazy());
            fixed(Caller::Tonic { greet, attempts: 1 })
        }
        Stack::TonicBalance { attempts } if spec.list_changes => {
            let (channel, grower) = Grower::channel(&spec.addresses, keepalive)?;
            let caller = Caller::Tonic { greet: Greet::new(channel), attempts: *attempts };
            Ok((caller, Resolver::Tonic(grower)))
        }
        Stack::TonicBalance { attempts } => {
            let endpoints = endpoints().collect::<Result<Vec<_>, _>>()?;
            let greet = Greet::new(Channel::balance_list(endpoints.into_iter()));
            fixed(Caller::Tonic { greet, attempts: *attempts })
        }
        Stack::TonicCounter => {
            let greets = endpoints().map(|endpoint| Ok(Greet::new(endpoint?.connect_lazy())));
            let greets = greets.collect::<Result<_, String>>()?;
            fixed(Caller::Counter { greets, turns: Turns::default() })
        }
        Stack::Grpcio { .. } => Err("the C core is called by Python".to_owned()),
        Stack::Wayside { service_config, connections } => {
            let (channel, resolve) = ours::channel(&Recipe {
                addresses: &spec.addresses,
                service_config,
                connections: *connections as usize,
                keepalive,
            })
            .map_err(|error| format!("{error:#}"))?;
            let caller = match spec.counted {
                true => Caller::Bare(Greet::new(channel)),
                false => Caller::Wayside(Greet::new(wayside_chassis::outgoing(channel))),
            };
            Ok((caller, Resolver::Wayside(resolve)))
        }
    }
}

impl Caller {
    /// How many attempts, each with a deadline of its own, a call may have.
    pub(super) fn attempts(&self) -> u32 {
        if let Self::Tonic { attempts, .. } = self { *attempts } else { 1 }
    }

    /// Makes a call; with it go all the attempts of a strategy that tries again by itself.
    pub(super) async fn greet(&mut self, template: &Template) -> Result<GreetResponse, Status> {
        match self {
            Self::Tonic { greet, attempts } => {
                let mut tried = 1;
                loop {
                    match greet.greet(template.request()).await {
                        Err(_) if tried < *attempts => tried += 1,
                        last => return Ok(last?.into_inner()),
                    }
                }
            }
            Self::Counter { greets, turns } => {
                let turn = turns.next(greets.len());
                Ok(greets[turn].greet(template.request()).await?.into_inner())
            }
            Self::Wayside(greet) => Ok(greet.greet(template.request()).await?.into_inner()),
            Self::Bare(greet) => Ok(greet.greet(template.request()).await?.into_inner()),
        }
    }
}

impl Template {
    /// # Errors
    /// What cannot be metadata.
    pub(super) fn of(spec: &Spec) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (key, value) in &spec.metadata {
            let no_metadata = || format!("'{key}' cannot be sent as metadata");
            let key = HeaderName::try_from(key).map_err(|_| no_metadata())?;
            headers.append(key, HeaderValue::try_from(value).map_err(|_| no_metadata())?);
        }
        let metadata = MetadataMap::from_headers(headers);
        Ok(Self { timeout: Duration::from_millis(spec.timeout_ms), metadata })
    }

    fn request(&self) -> Request<GreetRequest> {
        let mut request = Request::new(GreetRequest::default());
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(self.timeout);
        request
    }
}

impl Resolver {
    /// Tells of the servers that there are now.
    pub(super) fn resolve(&mut self, addresses: &[SocketAddr]) -> Result<(), String> {
        match self {
            Self::Fixed => {}
            Self::Tonic(grower) => grower.grow(addresses)?,
            Self::Wayside(resolve) => resolve(addresses),
        }
        Ok(())
    }
}
