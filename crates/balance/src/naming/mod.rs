//! What a channel connects to, in the syntax of gRPC's naming document. Source: grpc/grpc `doc/naming.md`.

mod error;
mod host_port;
mod socket;
mod target;
#[cfg(test)]
mod tests;
mod uri;

pub use error::TargetError;
pub(crate) use host_port::{Host, HostPort};
pub use target::Target;
pub(crate) use target::{LOCALHOST, Place};
