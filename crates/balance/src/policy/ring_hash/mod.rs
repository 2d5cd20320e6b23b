//! `ring_hash`: calls with the same header go to the same endpoint, as long as it is there. Source: gRFC A42, A61 and A76.
//!
//! An endpoint that comes or goes moves only the calls that it gets or got. Nothing is connected before a call asks for it.

mod config;
mod picker;
mod policy;
mod ring;
#[cfg(test)]
mod tests;

pub(crate) use config::Config;
pub(crate) use policy::RingHash;
