//! The last calls that a server has made, with their attempts.
//!
//! Two observers write them down: one around the call, one around each attempt. While the pages are off, neither is there and nothing is done.

mod call;
mod observers;
mod ring;

pub(super) use call::{FinishedAttempt, FinishedCall};
pub(crate) use observers::{AttemptObserver, CallObserver};
pub(super) use ring::KEPT;
pub(crate) use ring::Recent;
