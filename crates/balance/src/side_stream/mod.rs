//! Streams that the channel itself keeps open beside the calls of a connection: health checks and load reports.

mod keep_open;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use keep_open::{Event, keep_open};
