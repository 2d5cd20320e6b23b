//! Tells observers of the calls of a client: the log line, metrics, the span of a trace.
//!
//! [`ObserveLayer`] stands around the whole call, or inside of a [retry layer](super::retry) around each attempt. All observers share one wrapper of the
//! call's future and of its response body, and one [`OutgoingCall`]; when none is [on](Observer::is_on), nothing is kept of a call. A call ends in its
//! head, in its trailers, in an error, or because nobody waits for it any more, and observers are told of the [`Ending`] once. Errors leave as
//! [`tonic::Status`], so that a stack ends in a concrete error type.
//!
//! Layers that need no more than the end of a call, such as a circuit breaker, are a [`Watcher`] each.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::client::logging::CallLog;
//! use wayside_interceptors::client::observe::ObserveLayer;
//!
//! # let channel = tonic::service::Routes::default();
//! let service = ObserveLayer::new(CallLog).layer(channel);
//! ```

mod body;
mod call;
mod ending;
mod future;
mod observer;
mod request_body;
mod service;
#[cfg(test)]
mod tests;
mod watcher;

pub use body::ObservedBody;
pub use call::OutgoingCall;
pub use ending::Ending;
pub(crate) use ending::{head_code, status_of};
pub use future::ObservedFuture;
pub use observer::{ObservedCall, Observer, Told};
pub use service::{Observe, ObserveLayer};
use watcher::Watched;
pub use watcher::Watcher;

/// What the layers of a stack accept as the error of the service below them; [`tonic::Status`] and that of tonic's own channel are such.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
