//! Refuses a message that is too large by what its length prefix says, with RESOURCE_EXHAUSTED, before its bytes are read.
//!
//! tonic has a limit too, and answers OUT_OF_RANGE, a code that the specification leaves to applications (`doc/statuscodes.md`). What a message
//! becomes when it is decompressed is bounded by tonic, at 4 MiB unless the service says otherwise, with the right code.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::message_limit::MessageLimitLayer;
//!
//! let service = MessageLimitLayer::new(4 * 1024 * 1024).layer(tonic::service::Routes::default());
//! ```

mod body;
mod service;
#[cfg(test)]
mod tests;

pub use body::MessageLimitBody;
pub use service::{MessageLimit, MessageLimitLayer};
