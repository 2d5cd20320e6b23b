//! The middleware that tonic lacks: tower layers for any tonic server or client.
//!
//! - [`access_log`]: one log line a call, written when the call's body ends.
//! - [`deadline`]: `grpc-timeout` covers the call to the end of its stream and ends in DEADLINE_EXCEEDED.
//! - [`grpc_only`]: tells clients that do not speak gRPC so.
//! - [`message_limit`]: a message that is too large is RESOURCE_EXHAUSTED.
//! - [`recovery`]: a handler that panics fails its own call only.
//! - [`path_alias`]: clients of an older package name are served by the methods of the newer one.
//!
//! No layer knows a message type. A call ends when its *body* ends, so what a layer measures or bounds lives in the body.

pub mod access_log;
pub mod deadline;
pub mod grpc_only;
#[cfg(test)]
mod log_lines;
pub mod message_limit;
pub mod path_alias;
mod peer;
pub mod recovery;

pub use peer::Peer;
