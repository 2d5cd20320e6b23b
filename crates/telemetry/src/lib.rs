//! How a Wayside process logs: text for people, JSON for machines, on standard error; and how spans leave it, see [`traces`].
//!
//! [`init`] sets the one subscriber of the process up: a filter, a [`LogLayer`] that makes lines, a [`LogQueue`] whose thread writes
//! them. What is logged of a call is decided by the access log in `wayside-interceptors`.

mod line;
mod logs;
mod sink;
pub mod traces;

pub use line::{LineStyle, LogLayer};
pub use logs::{InitError, LogFilter, LogFormat, LogGuard, init};
pub use sink::LogQueue;
