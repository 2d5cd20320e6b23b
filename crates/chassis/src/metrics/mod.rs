//! What the servers of a process count, gathered when somebody asks for it.
//!
//! Each server has a [`Registry`] of its own; the admin port tells the numbers of all of them together, with a label `server` in front, and those of the process.

mod channel;
mod limits;
mod methods;
mod process;
mod registry;

pub(crate) use channel::Watched;
pub(crate) use methods::paths;
pub(crate) use process::Process;
pub(crate) use registry::Registry;
