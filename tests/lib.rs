//! What tests of servers as processes share: whatever such a process prints is looked through for secrets.

mod printed;
mod secrets;

pub use printed::Printed;
pub use secrets::{assert_none, masked, secret};
