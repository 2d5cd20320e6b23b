//! The look-aside balancer: a server that tells clients which endpoints a service has, and the resolvers with which clients ask.
//!
//! Server: [`Lookaside`]. `source` says where endpoints come from, `directory` what is known of each service that anybody asks for, `service` what callers get.
//!
//! Client: [`register`] has a channel of `wayside_balance` take targets such as `lookaside:///namespace/service:port`, and [`kubernetes`] those of Kubernetes itself,
//! `k8s:///namespace/service:port`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use wayside_balance::{Channel, Registry};
//!
//! let balancer = Channel::connect_lazy(&"dns:///lookaside:50055".parse()?)?;
//! let mut resolvers = Registry::default();
//! lookaside::register(&mut resolvers, Some(balancer));
//! let channel = Channel::builder(&"lookaside:///default/greet:50051".parse()?)
//!     .resolvers(resolvers)
//!     .service_config_json(r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#)?
//!     .build()?;
//! # drop(channel);
//! # Ok(())
//! # }
//! ```

mod app;
mod client;
mod directory;
mod error;
mod grpclb;
mod key;
pub mod kubernetes;
mod service;
mod source;

pub use app::{Lookaside, LookasideArgs};
pub use client::{LookasideClientArgs, register};
pub use key::{Key, KeyError};
pub use source::{InvalidSource, Source};
use wayside_balance::Registry;

/// What the sources of the server resolve targets with.
fn source_resolvers() -> Registry {
    let mut resolvers = Registry::default();
    register(&mut resolvers, None);
    resolvers
}
