//! From the EndpointSlices of a service to its endpoints.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::uri::Authority;
use k8s_openapi::api::discovery::v1::{self, EndpointPort, EndpointSlice};
use wayside_balance::{Address, Endpoint};

use super::{KubernetesError, ServicePort};

/// What is kept in memory of one service, ready or not.
const MOST_ENDPOINTS: usize = 100_000;

/// What is known of a service: all its slices, by their names.
#[derive(Debug)]
pub(super) struct Slices {
    port: ServicePort,
    by_name: BTreeMap<String, Slice>,
    /// Puts the endpoints into an order of this process, so that the clients of `pick_first` do not all go to the pod with the lowest address. It is the
    /// same for every list: nothing moves that has not changed.
    order: RandomState,
}

/// What matters of a slice.
#[derive(Debug)]
struct Slice {
    /// Every endpoint that could get calls now or when nobody else is left.
    usable: Vec<Usable>,
    /// How many endpoints it has in all.
    endpoints: usize,
    /// Its ports as they would be written, if none of them is the one that is asked for.
    other_ports: Vec<String>,
}

#[derive(Debug)]
struct Usable {
    address: SocketAddr,
    standing: Standing,
    /// What tells that two addresses are those of one pod.
    pod: Option<Arc<str>>,
    zone: Option<Arc<str>>,
}

/// Whether an endpoint gets calls. The greater is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It is going, but serves until it is gone: for want of others.
    Going,
    Ready,
}

impl Slices {
    pub(super) fn new(port: ServicePort) -> Self {
        Self { port, by_name: BTreeMap::new(), order: RandomState::new() }
    }

    /// Makes what is to take the place of this when a new list is complete. It knows nothing yet.
    pub(super) fn successor(&self) -> Self {
        Self { port: self.port.clone(), by_name: BTreeMap::new(), order: self.order.clone() }
    }

    /// Takes a slice that is new or has changed.
    pub(super) fn change(&mut self, slice: EndpointSlice) -> Result<(), KubernetesError> {
        let read = Slice::read(&slice, &self.port);
        let name = slice.metadata.name.unwrap_or_default();
        self.by_name.insert(name, read);
        if self.by_name.values().map(|slice| slice.endpoints + 1).sum::<usize>() > MOST_ENDPOINTS {
            return Err(KubernetesError::TooMuch { limit: MOST_ENDPOINTS, unit: "endpoints" });
        }
        Ok(())
    }

    /// Forgets a slice that is gone.
    pub(super) fn delete(&mut self, slice: &EndpointSlice) {
        self.by_name.remove(slice.metadata.name.as_deref().unwrap_or_default());
    }

    /// Whether the service has slices: one that is there has at least one, if only an empty one.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The ports that the service has if it has endpoints, but none of them the port that is asked for.
    pub(super) fn other_ports(&self) -> Option<String> {
        let slices = || self.by_name.values().filter(|slice| slice.endpoints > 0);
        let ports: BTreeSet<_> = slices().flat_map(|slice| &slice.other_ports).collect();
        let all = slices().all(|slice| !slice.other_ports.is_empty());
        (all && !ports.is_empty())
            .then(|| ports.into_iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    }

    /// Every endpoint that gets calls, once.
    pub(super) fn endpoints(&self, authority: &Authority) -> Vec<Endpoint> {
        let best = self.best();
        let standing = best.values().map(|usable| usable.standing).max();
        let mut pods: HashMap<&str, Vec<&Usable>> = HashMap::new();
        let mut groups: Vec<Vec<&Usable>> = Vec::new();
        for usable in best.into_values() {
            match &usable.pod {
                _ if Some(usable.standing) != standing => {}
                Some(pod) => pods.entry(pod).or_default().push(usable),
                None => groups.push(vec![usable]),
            }
        }
        groups.extend(pods.into_values());
        // IPv4 first: it is what nearly every pod listens on. `pick_first` tries the other when it fails.
        groups.iter_mut().for_each(|pod| pod.sort_unstable_by_key(|usable| usable.address));
        groups.sort_by_cached_key(|pod| (self.order.hash_one(pod[0].address), pod[0].address));
        let endpoint = |pod: Vec<&Usable>| Endpoint {
            addresses: pod.iter().map(|usable| Address::Ip(usable.address)).collect(),
            zone: pod[0].zone.as_deref().map(str::to_owned),
            ..Endpoint::new(pod[0].address, authority.clone())
        };
        groups.into_iter().map(endpoint).collect()
    }

    /// What is known best of each address. While the controller moves an endpoint to another slice it can be in both, in different states: calls to one
    /// that is gone are sent again, while one that is left out might be the last.
    fn best(&self) -> HashMap<SocketAddr, &Usable> {
        let mut best: HashMap<SocketAddr, &Usable> = HashMap::new();
        for usable in self.by_name.values().flat_map(|slice| &slice.usable) {
            let known = best.entry(usable.address).or_insert(usable);
            if usable.standing > known.standing {
                *known = usable;
            }
        }
        best
    }
}

impl Slice {
    fn read(slice: &EndpointSlice, port: &ServicePort) -> Self {
        let ports = slice.ports.as_deref().unwrap_or_default();
        let endpoints = slice.endpoints.len();
        match number(port, ports) {
            Some(number) => {
                let usable = |endpoint| Usable::read(endpoint, number);
                let usable = slice.endpoints.iter().filter_map(usable).collect();
                Self { usable, endpoints, other_ports: Vec::new() }
            }
            None => {
                let mut other_ports: Vec<_> = ports.iter().filter_map(shown).collect();
                if other_ports.is_empty() {
                    other_ports.push("none".to_owned());
                }
                Self { usable: Vec::new(), endpoints, other_ports }
            }
        }
    }
}

impl Usable {
    fn read(endpoint: &v1::Endpoint, port: u16) -> Option<Self> {
        // More than one address has no meaning, says the API; and what is no IP address (type FQDN) is not for us.
        let ip: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        let standing = Standing::of(endpoint.conditions.as_ref())?;
        let pod = endpoint.target_ref.as_ref().and_then(|object| object.uid.as_deref());
        let zone = endpoint.zone.as_deref().map(Arc::from);
        Some(Self { address: (ip, port).into(), standing, pod: pod.map(Arc::from), zone })
    }
}

impl Standing {
    /// Source: Kubernetes, "EndpointSlices", "Conditions": what is not said about `ready` means yes, about `serving` the same as `ready`, about
    /// `terminating` no.
    fn of(conditions: Option<&v1::EndpointConditions>) -> Option<Self> {
        let Some(conditions) = conditions else { return Some(Self::Ready) };
        let ready = conditions.ready.unwrap_or(true);
        let terminating = conditions.terminating.unwrap_or(false);
        let serving = conditions.serving.unwrap_or(ready);
        match (ready, serving, terminating) {
            (true, _, false) => Some(Self::Ready),
            (_, true, true) => Some(Self::Going),
            _ => None,
        }
    }
}

/// The number of a port in a slice. One without ports has no restrictions, so a number that is asked for is as good as any.
fn number(port: &ServicePort, ports: &[EndpointPort]) -> Option<u16> {
    let mut tcp = ports.iter().filter(|port| is_tcp(port));
    match port {
        ServicePort::Number(number) => {
            let wanted = i32::from(*number);
            let found = tcp.any(|port| port.port.is_none_or(|known| known == wanted));
            (ports.is_empty() || found).then_some(*number)
        }
        ServicePort::Name(name) => {
            let found = tcp.find(|port| port.name.as_deref() == Some(name))?;
            found.port.and_then(|number| u16::try_from(number).ok())
        }
    }
}

fn is_tcp(port: &EndpointPort) -> bool {
    port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP")
}

fn shown(port: &EndpointPort) -> Option<String> {
    let number = port.port.filter(|_| is_tcp(port))?;
    match port.name.as_deref() {
        None | Some("") => Some(number.to_string()),
        Some(name) => Some(format!("{name} ({number})")),
    }
}
