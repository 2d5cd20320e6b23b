//! `pick_first`: one address for all calls, the first that answers; below every other policy it finds the address of each endpoint to use.
//! Source: gRFCs A61 and A62.
//!
//! ```text
//!          wanted                 all have failed
//!   IDLE ─────────► first pass ─────────────────────► retrying every address
//!    ▲              CONNECTING                          TRANSIENT_FAILURE
//!    │                  │ one is READY                          │
//!    │ lost             ▼                                       │
//!    └────────────── selected ◄─────────────────────────────────┘
//! ```
//!
//! It does not wait between attempts to the same address: that is the backoff of each [subchannel](crate::Subchannel).

mod address_list;
mod attempts;
mod config;
mod first_pass;
mod phases;
mod picker;
mod policy;
#[cfg(test)]
mod tests;

pub(crate) use config::Config;
pub(super) use picker::unreachable;
pub(crate) use policy::{PickFirst, Report};
