//! The client channel: a target's name goes in, and any generated tonic client can call through what comes out.
//!
//! [`Channel`] spreads calls over the addresses of its [`Target`] in turn, connects when the first call comes, and ends each call
//! within its `grpc-timeout` with DEADLINE_EXCEEDED. It knows no message type and nothing of the services that use it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use wayside_balance::Channel;
//!
//! let channel = Channel::connect_lazy(&"ipv4:127.0.0.1:50051,127.0.0.1:50061".parse()?)?;
//! // GreetServiceClient::new(channel)
//! # let _ = channel;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod channel;
mod target;
mod tls;

pub use channel::{Channel, ChannelError};
pub use target::{Target, TargetError};
pub use tls::ClientTls;
