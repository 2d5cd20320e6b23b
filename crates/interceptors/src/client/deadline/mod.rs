//! Deadlines of a client: every call has one, and it covers the call to the end of its stream.
//!
//! A call gets the timeout that its caller has set (`grpc-timeout`), else the default of its method, and never more than the maximum of its method. A
//! call that is made within another has less time than that one has left: the handler hands its [`Deadline`](crate::deadline::Deadline) on in the
//! request's extensions, and a margin is taken off, so that the answer, DEADLINE_EXCEEDED among them, arrives while there is still time to use it.
//! What results is sent as `grpc-timeout` and left in the extensions for the layers below. When it passes, the call is dropped and ends
//! in DEADLINE_EXCEEDED; one that has no time left is not sent.
//!
//! The margin is a time and not a share, because what it pays for, the way of the answer, does not depend on how long a call may take: 5 ms.
//! It is at most a tenth of what is left, so that a short deadline is not spent on it.
//!
//! ```
//! use tokio::time::Duration;
//! use tower_layer::Layer;
//! use wayside_interceptors::client::deadline::DeadlineLayer;
//! use wayside_interceptors::deadline::Timeouts;
//!
//! let seconds = |seconds| Some(Duration::from_secs(seconds));
//! let layer = DeadlineLayer::new(move |path: &str| match path {
//!     "/cache.v1.CacheService/Dump" => Timeouts { default: seconds(60), max: None },
//!     _ => Timeouts { default: seconds(1), max: seconds(10) },
//! });
//! # let channel = tonic::service::Routes::default();
//! let service = layer.layer(channel);
//! ```

mod service;
#[cfg(test)]
mod tests;

pub use service::{DeadlineLayer, DeadlineService};
