//! The endpoints of a service in Kubernetes: `k8s:///namespace/service:port`.
//!
//! A [`KubernetesResolver`] lists the EndpointSlices of its service and then watches them: it is told of every change and never polls. It needs no more
//! than a Role with the verbs `get`, `list` and `watch` on `endpointslices` of `discovery.k8s.io` in the namespace of the service. It works in a gateway,
//! for `k8s:` targets, as in the look-aside balancer, for those that it tells.
//!
//! # Who is an endpoint
//!
//! The union of all slices of the service, each address once. Those that are ready get calls (a condition that is not there means ready); those that are
//! going do not, unless nobody else is left: then those that still serve get them, as kube-proxy does it. An IPv4 and an IPv6 address of one pod are one
//! endpoint with two addresses. The port is that of the pod, by its number or by its name; a name may stand for another number in each slice.
//!
//! # When the API server fails
//!
//! The last list stays in use, for as long as it takes, and the resolver goes on by itself: it never ends, and with a list it never fails. Attempts begin
//! half a second apart at most, so that it is back within a second. A process with many services does not ask more often than one with a single
//! service does: while the API server is down, the resolvers of a process take turns, and the first that has an answer sets the others free. What only an
//! administrator can mend (403, 404, no configuration) is asked for less often, every ten seconds in the end, or when the channel has lost a connection.
//!
//! | what happens | what is done |
//! |---|---|
//! | the watch ends, or its connection breaks | it is opened again from the version that was seen last |
//! | it is silent for longer than it was opened for, or for 2 s after the channel has lost a server | the same: its connection may be dead |
//! | 410 Gone, an event that cannot be read, an event of type `ERROR` | the slices are listed again |
//! | no slice has the service's name any more, or none has its port | the last list stays in use: a service that was scaled to nothing still has a slice |
//! | more than 100,000 endpoints, an event above 8 MiB, a page above 64 MiB | the same, so that memory is bounded |
//!
//! ```
//! use lookaside::kubernetes::Kubernetes;
//! use wayside_balance::{Channel, Registry};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let kubernetes = Kubernetes::default();
//! let mut resolvers = Registry::default();
//! resolvers.register("k8s", move |target, options| kubernetes.build(target, options));
//! // Nothing is asked, and no configuration is read, before the first call.
//! let target = "k8s:///shop/greet:grpc".parse()?;
//! let channel = Channel::builder(&target).resolvers(resolvers).build()?;
//! # drop(channel);
//! # Ok(())
//! # }
//! ```
//!
//! Sources: Kubernetes, "EndpointSlices" and "API Concepts: Efficient detection of changes"; kube-proxy for what becomes of terminating endpoints.

mod api;
mod attempts;
mod client;
mod error;
mod events;
mod resolver;
mod service;
mod slices;
mod watch;

pub use client::Kubernetes;
pub use error::KubernetesError;
pub use resolver::KubernetesResolver;
pub use service::{KubernetesService, ServicePort};
