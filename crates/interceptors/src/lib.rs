//! The middleware that tonic lacks: tower layers for any tonic server or client.
//!
//! - [`access_log`]: one log line a call, written when the call's body ends.
//! - [`admission`]: what the layers that refuse calls have in common.
//! - [`auth`]: who calls, by a signed token, and what they may do, method by method.
//! - [`client`]: the layers of a client: retry and hedging, deadlines, tokens, a circuit breaker, a log line a call.
//! - [`concurrency`]: at most so many calls of a caller in flight.
//! - [`deadline`]: `grpc-timeout` covers the call to the end of its stream and ends in DEADLINE_EXCEEDED.
//! - [`dry_run`]: what a call would do, without doing it; never silently ignored.
//! - [`errors`]: one way to make errors that a program can act on, and their form for clients of the older API.
//! - [`grpc_only`]: tells clients that do not speak gRPC so.
//! - [`load_shed`]: at most as many calls in flight as the server can do in good time.
//! - [`message_limit`]: a message that is too large is RESOURCE_EXHAUSTED.
//! - [`metadata`]: what a call hands on to the calls made for it: a request id, and the headers of an allow-list.
//! - [`metrics`]: calls counted under the names of gRFC A66, and the text that Prometheus reads.
//! - [`observe`]: what is told of calls to those who watch them: the log line, metrics, spans.
//! - [`rate_limit`]: at most so many calls a second, of all callers or of each.
//! - [`recovery`]: a handler that panics fails its own call only.
//! - [`path_alias`]: clients of an older package name are served by the methods of the newer one.
//! - [`selector`]: what every layer above may be configured by: a setting for a method, for a service, or for all.
//! - [`trace`]: the spans of calls, and where a call is in a trace.
//!
//! No layer knows a message type. A call ends when its *body* ends, so what a layer measures or bounds lives in the body.

pub mod access_log;
pub mod admission;
pub mod auth;
pub mod client;
pub mod concurrency;
pub mod deadline;
pub mod dry_run;
pub mod errors;
pub mod grpc_only;
mod header_names;
pub mod load_shed;
#[cfg(test)]
mod log_lines;
pub mod message_limit;
pub mod metadata;
pub mod metrics;
pub mod observe;
mod or_empty;
pub mod path_alias;
mod peer;
pub mod rate_limit;
pub mod recovery;
pub mod selector;
pub mod trace;

pub use access_log::code_name;
pub use or_empty::OrEmpty;
pub use peer::Peer;
