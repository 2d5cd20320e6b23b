//! Which server has which service.

use prost_reflect::ServiceDescriptor;
use wayside_balance::Target;
use wayside_chassis::{App, Outgoing, Setup, StartError};

use crate::{Gateway, GatewayArgs};

/// A channel for each service, connected when the first call comes.
#[derive(Debug)]
pub(crate) struct Backends(Vec<(&'static str, Outgoing)>);

impl Backends {
    pub(crate) fn new(args: GatewayArgs, setup: &Setup) -> Result<Self, StartError> {
        // The ports are those that the servers listen on when nothing else is said.
        let targets = [
            ("greet.v1.GreetService", args.gateway_greet_target, "ipv4:127.0.0.1:50051"),
            ("media.v1.MediaService", args.gateway_media_target, "ipv4:127.0.0.1:50053"),
            ("movies.v1.MoviesService", args.gateway_movies_target, "ipv4:127.0.0.1:20001"),
            ("accounts.v1.AccountsService", args.gateway_accounts_target, "ipv4:127.0.0.1:5052"),
            ("cache.v1.CacheService", args.gateway_cache_target, "ipv4:127.0.0.1:5051"),
        ];
        let channel = |(service, given, default)| Ok((service, channel(setup, given, default)?));
        targets.into_iter().map(channel).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn channel(&self, service: &ServiceDescriptor) -> Option<Outgoing> {
        self.0
            .iter()
            .find(|(name, _)| *name == service.full_name())
            .map(|(_, channel)| channel.clone())
    }
}

fn channel(setup: &Setup, given: Option<Target>, default: &str) -> Result<Outgoing, StartError> {
    let target = match given {
        Some(target) => target,
        None => default.parse().map_err(|error| StartError::setup(Gateway::NAME, &error))?,
    };
    setup.channel(&target).map_err(|error| StartError::setup(Gateway::NAME, &error))
}
