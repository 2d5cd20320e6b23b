//! The client channel: a target's name goes in, and any generated tonic client can call through what comes out.
//!
//! [`Channel`] keeps every address of its [`Target`] connected, spreads calls over those that are, sends a call again that no server has
//! seen, and ends each call within its `grpc-timeout` with DEADLINE_EXCEEDED. It knows no message type and nothing of the services that use it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use wayside_balance::Channel;
//!
//! let channel = Channel::connect_lazy(&"ipv4:127.0.0.1:50051,127.0.0.1:50061".parse()?);
//! // GreetServiceClient::new(channel)
//! # let _ = channel;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod backoff;
mod body;
mod channel;
mod connect;
mod endpoint;
mod orca;
pub mod policy;
mod ready;
mod replay;
mod resolver;
mod service_config;
mod settings;
mod status;
mod subchannel;
mod target;
mod timeout;
mod tls;

pub use channel::Channel;
pub use endpoint::{Address, Endpoint};
pub use orca::LoadReport;
pub use resolver::{NextResolution, Resolution, ResolveNow, Resolver};
pub use service_config::{ServiceConfig, ServiceConfigError};
pub use subchannel::{ConnectivityState, Subchannel};
pub use target::{Target, TargetError};
pub use tls::{ClientTls, TlsError};
