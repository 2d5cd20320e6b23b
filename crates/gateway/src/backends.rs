//! Which server has which service, and how its calls are spread.

use prost_reflect::ServiceDescriptor;
use wayside_balance::{ChannelBuilder, ChannelError, Registry, Target};
use wayside_chassis::{App, Outgoing, Setup, StartError};

use crate::{Gateway, GatewayArgs};

/// A channel for each service, connected when the first call comes.
#[derive(Debug)]
pub(crate) struct Backends(Vec<(&'static str, Outgoing)>);

/// Every endpoint gets calls in turn.
const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

impl Backends {
    pub(crate) fn new(args: GatewayArgs, setup: &Setup) -> Result<Self, StartError> {
        let resolvers = args.lookaside.resolvers(Gateway::NAME, setup)?;
        let maker = Maker { setup, resolvers };
        let (config, pool) = (args.gateway_greet_service_config, args.gateway_greet_pool);
        // The ports are those that the servers listen on when nothing else is said.
        let greet =
            maker.outgoing(args.gateway_greet_target, "ipv4:127.0.0.1:50051", |builder| {
                Ok(builder.service_config(config).pool(pool))
            })?;
        let others = [
            ("media.v1.MediaService", args.gateway_media_target, "ipv4:127.0.0.1:50053"),
            ("movies.v1.MoviesService", args.gateway_movies_target, "ipv4:127.0.0.1:20001"),
            ("accounts.v1.AccountsService", args.gateway_accounts_target, "ipv4:127.0.0.1:5052"),
            ("cache.v1.CacheService", args.gateway_cache_target, "ipv4:127.0.0.1:5051"),
        ];
        let mut channels = vec![("greet.v1.GreetService", greet)];
        for (service, given, default) in others {
            let in_turn = |builder: ChannelBuilder| Ok(builder.service_config_json(ROUND_ROBIN)?);
            channels.push((service, maker.outgoing(given, default, in_turn)?));
        }
        Ok(Self(channels))
    }

    pub(crate) fn channel(&self, service: &ServiceDescriptor) -> Option<Outgoing> {
        self.0
            .iter()
            .find(|(name, _)| *name == service.full_name())
            .map(|(_, channel)| channel.clone())
    }
}

/// Makes channels whose targets may have any scheme.
struct Maker<'a> {
    setup: &'a Setup,
    resolvers: Registry,
}

impl Maker<'_> {
    fn outgoing(
        &self,
        given: Option<Target>,
        default: &str,
        configure: impl FnOnce(ChannelBuilder) -> Result<ChannelBuilder, ChannelError>,
    ) -> Result<Outgoing, StartError> {
        let target = match given {
            Some(target) => target,
            None => default.parse().map_err(|error| StartError::setup(Gateway::NAME, &error))?,
        };
        let builder = self.setup.channel_builder(&target).resolvers(self.resolvers.clone());
        configure(builder)
            .and_then(|builder| self.setup.outgoing(builder))
            .map_err(|error| StartError::setup(Gateway::NAME, &error))
    }
}
