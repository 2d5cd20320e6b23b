//! What the calls of a client say: arithmetic on calls and on what was done to the servers meanwhile, without a clock or a socket.

mod compute;
mod percentile;
#[cfg(test)]
mod tests;
mod timeline;

pub(crate) use compute::{Figures, Frozen, Restarts};
pub(crate) use percentile::{median, percentile};
pub(crate) use timeline::{Restart, Timeline};
