//! The endpoints of a policy that uses many of them, each with a `pick_first` of its own that finds the address to use. Source: gRFC A61.
//!
//! It is made for 10,000 endpoints: what one subchannel has to say is dealt with without a look at the other endpoints. See [`Overview`].

mod child;
mod overview;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use child::{Child, EndpointData};
use overview::{Counted, Overview};
pub(crate) use set::EndpointSet;
