//! Tells any number of observers of the calls of a server: the log line, metrics, the span of a trace.
//!
//! All of them share one wrapper of the call's future, of its request body and of its response body, and one [`CallRecord`], so that one more
//! observer adds its own work and nothing else. When none is [on](Observer::is_on), nothing is kept of a call at all. A call is over when its
//! response body has ended or was dropped, and then every observer is told how it [ended](End).
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use http::request::Parts;
//! use tower_layer::Layer;
//! use wayside_interceptors::access_log::AccessLog;
//! use wayside_interceptors::observe::{CallRecord, End, ObserveLayer, ObservedCall, Observer};
//!
//! /// Counts calls that have ended.
//! #[derive(Clone, Default)]
//! struct Count(Arc<AtomicU64>);
//!
//! impl Observer for Count {
//!     type Call = Self;
//!
//!     fn start(&self, _: &CallRecord, _: &mut Parts) -> Option<Self> {
//!         Some(self.clone())
//!     }
//! }
//!
//! impl ObservedCall for Count {
//!     fn ended(self, _: &CallRecord, _: &End<'_>) {
//!         self.0.fetch_add(1, Ordering::Relaxed);
//!     }
//! }
//!
//! # let routes = tonic::service::Routes::default();
//! let service = ObserveLayer::new("greet", (AccessLog, Count::default())).layer(routes);
//! ```

mod body;
mod end;
mod future;
mod observer;
mod record;
mod request_body;
mod service;
#[cfg(test)]
mod tests;
mod traffic;
mod watched;

pub use body::ObservedBody;
pub use end::{End, Outcome};
pub use future::ResponseFuture;
pub use observer::{ObservedCall, Observer};
pub use record::CallRecord;
pub use request_body::ObservedRequestBody;
pub use service::{Observe, ObserveLayer};
pub(crate) use traffic::MessageCounter;
pub use traffic::Traffic;
