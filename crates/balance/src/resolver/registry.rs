//! Which resolver a target gets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::time::Duration;

use super::{Resolver, dns, fixed};
use crate::{ServiceConfig, ServiceConfigError, Target, TargetError};

/// What resolvers can be told about their work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResolverOptions {
    /// How long at least from the end of one look-up in DNS to the next, whatever the TTL says and however often connections are lost. Default 1 s; from
    /// 10 ms to a day.
    ///
    /// Other gRPC stacks wait 30 s. In a rolling restart that hides the new servers: the first lost connection has the name looked up, a moment
    /// later the second server is replaced too, and until the 30 s are over the channel knows neither that it is gone nor what came in its place.
    /// One question a second, and only while connections are lost or the TTL is shorter, is what a name server does not notice.
    pub dns_min_interval: Duration,
    /// What reads the service config in the TXT records of a name. Default `None`: nobody asks for one, which saves every look-up a question.
    ///
    /// Whoever can change the records of a name can then change how its clients call it. Source: gRFC A2.
    pub txt_service_config: Option<Arc<dyn ChooseServiceConfig>>,
}

/// Reads the service config that DNS has for a name. Source: gRFC A2.
pub trait ChooseServiceConfig: Send + Sync + fmt::Debug {
    /// Gives the config for this client from the TXT records of `_grpc_config.<host>`, each with its strings joined and not all of them a service
    /// config; `None` when none is meant for this client.
    ///
    /// A channel asks when the records change, so what is left to chance is drawn once.
    fn choose(&self, records: &[String]) -> Option<Result<ServiceConfig, ServiceConfigError>>;
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self { dns_min_interval: Duration::from_secs(1), txt_service_config: None }
    }
}

type Build =
    dyn Fn(&Target, &ResolverOptions) -> Result<Box<dyn Resolver>, TargetError> + Send + Sync;

/// The resolvers by the schemes of the targets that they are for. The default has those of gRPC's own schemes and of `static`.
#[derive(Clone)]
pub struct Registry {
    builders: BTreeMap<String, Arc<Build>>,
}

impl Default for Registry {
    fn default() -> Self {
        let mut registry = Self { builders: BTreeMap::new() };
        registry.register("dns", dns::build);
        for scheme in ["ipv4", "ipv6", "static", "unix", "unix-abstract"] {
            registry.register(scheme, fixed::build);
        }
        registry
    }
}

impl Registry {
    /// Has the targets of a scheme resolved by what `build` makes, in place of what resolved them before. Capital letters do not count.
    pub fn register(
        &mut self,
        scheme: &str,
        build: impl Fn(&Target, &ResolverOptions) -> Result<Box<dyn Resolver>, TargetError>
        + Send
        + Sync
        + 'static,
    ) -> &mut Self {
        self.builders.insert(scheme.to_ascii_lowercase(), Arc::new(build));
        self
    }

    /// Makes the resolver of one channel. Nothing is looked up before it is asked.
    ///
    /// # Errors
    /// When no resolver is registered for the scheme, or when the resolver does not take the target.
    pub fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, TargetError> {
        match self.builders.get(target.scheme()) {
            Some(build) => build(target, options),
            None => Err(TargetError::UnknownScheme {
                scheme: target.scheme().to_owned(),
                target: target.to_string(),
                known: self.builders.keys().cloned().collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.builders.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolver::testing::endpoints;
    use crate::resolver::{ResolveNow, manual};

    fn build(registry: &Registry, target: &str) -> Result<Box<dyn Resolver>, TargetError> {
        registry.build(&target.parse().unwrap(), &ResolverOptions::default())
    }

    #[test]
    fn every_scheme_of_the_naming_document_has_a_resolver() {
        let registry = Registry::default();
        for target in ["greet:1", "ipv4:10.0.0.1", "ipv6:[::1]", "static:a:1", "unix:/a"] {
            build(&registry, target).expect(target);
        }
    }

    #[test]
    fn an_unknown_scheme_is_told_with_the_known_ones_and_what_to_do() {
        let error = build(&Registry::default(), "lookaside:///greet").unwrap_err().to_string();
        for part in
            ["'lookaside'", "'lookaside:///greet'", "dns, ipv4,", "dns:///host:port", "register"]
        {
            assert!(error.contains(part), "{part} in: {error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_registered_scheme_is_resolved_by_its_own_and_replaces_a_known_one() {
        let (resolver, handle) = manual();
        handle.push(endpoints([7]));
        let mut registry = Registry::default();
        for scheme in ["LookAside", "dns"] {
            let resolver = resolver.clone();
            registry.register(scheme, move |_, _| Ok(Box::new(resolver.clone())));
        }
        for target in ["lookaside:///greet", "greet:1"] {
            let mut built = build(&registry, target).unwrap();
            let answer = built.next(&ResolveNow::default()).await.unwrap();
            assert_eq!(answer.endpoints, endpoints([7]), "{target}");
        }
    }
}
