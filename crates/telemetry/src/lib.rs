//! How a Wayside process logs: text for people, JSON for machines, on standard error.
//!
//! It only sets the subscriber up. What is logged of a call is decided by the access log in `wayside-interceptors`.

mod logs;

pub use logs::{InitError, LogFormat, init};
