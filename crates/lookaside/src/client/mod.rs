//! The side of the client: targets that a look-aside balancer, or Kubernetes, resolves.

mod args;
mod resolver;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use args::LookasideClientArgs;
use resolver::LookasideResolver;
use wayside_balance::{Channel, Endpoint, Registry, TargetError};

use crate::Key;
use crate::kubernetes::Kubernetes;

/// Has targets of the scheme `lookaside` resolved by the balancer at the other end of a channel, which should know every
/// replica of the balancer and have no idle timeout.
///
/// `lookaside:///namespace/service:port` is one stream from the balancer for each channel, and no further call. The last list is kept while no balancer answers, also
/// over the time that a channel is idle. Without a channel to a balancer such a target is an error when a channel is made for it.
///
/// Targets of the scheme `k8s` are resolved by [Kubernetes](crate::kubernetes), with one client for all of them.
pub fn register(resolvers: &mut Registry, balancer: Option<Channel>) {
    let lists = Lists::default();
    resolvers.register("lookaside", move |target, _| {
        let invalid = |part: &str, problem: &str| Err(TargetError::invalid(part, target, problem));
        if !target.uri_authority().is_empty() {
            let problem =
                "is where no authority can be; the balancer is named by --lookaside-address";
            return invalid(target.uri_authority(), problem);
        }
        let key: Key = match target.path().parse() {
            Ok(key) => key,
            Err(error) => return invalid(target.path(), &format!("is no service: its {error}")),
        };
        let Some(balancer) = &balancer else {
            return invalid(target.scheme(), "needs a look-aside balancer: --lookaside-address");
        };
        Ok(Box::new(LookasideResolver::new(balancer.clone(), key, lists.clone())))
    });
    let kubernetes = Kubernetes::default();
    resolvers.register("k8s", move |target, options| kubernetes.build(target, options));
}

/// The last list of each service, for channels that begin anew while no balancer answers. There are as many as the program has targets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists(Arc<Mutex<BTreeMap<Key, Vec<Endpoint>>>>);

impl Lists {
    fn last(&self, key: &Key) -> Option<Vec<Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: &Key, list: Vec<Endpoint>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), list);
    }
}
