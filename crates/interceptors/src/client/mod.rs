//! The layers of a client, for any `Service<http::Request<tonic::body::Body>>`, such as a channel.
//!
//! - [`auth`]: a bearer token on each call, renewed in time.
//! - [`circuit_breaker`]: a target that fails is left alone for a while.
//! - [`deadline`]: every call has a deadline, and what is called within a call has less time than that one has left.
//! - [`logging`]: one log line a call, written when the call's body ends.
//! - [`metadata`]: what a call hands on from the one that it is made for, and what every call says.
//! - [`observe`]: what is told of calls to those who watch them: the log line, metrics, spans.
//! - [`metrics`]: calls and attempts, counted.
//! - [`retry`]: retries and hedging by the policies of a service config.
//! - [`trace`]: the spans of calls and of their attempts.

pub mod auth;
pub mod circuit_breaker;
mod clock;
mod codes;
pub mod deadline;
mod head;
pub mod logging;
pub mod metadata;
pub mod metrics;
pub mod observe;
mod replay;
pub mod retry;
pub mod trace;

pub use codes::Codes;
