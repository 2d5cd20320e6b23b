//! Servers that register themselves, each with a lease: what a cluster's API server knows elsewhere, for systems without one.
//!
//! An entry is there for as long as its stream: it is taken out at once when the server leaves or its lease passes without a message, and after a grace when the
//! connection breaks, in which the server can come back without anybody having noticed. Model: leases in etcd.

mod lease;
mod leases;
mod load;
mod resolver;
#[cfg(test)]
mod tests;

pub(crate) use lease::Lease;
pub(crate) use leases::{Full, Leases};
pub(crate) use load::Load;
