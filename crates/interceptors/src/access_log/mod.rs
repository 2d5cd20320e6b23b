//! One log line a call, written when the call is over: when its body has ended or was dropped.
//!
//! Target `access`, level info, message `invoke server`, fields `server`, `method`, `peer`, `code`, `duration_ms` and, for a call
//! that failed, `error`. `code` is the gRPC status name, or the HTTP status of an answer that is not gRPC. A call
//! whose client went away before the end is CANCELLED. Headers and query strings are not logged: they may hold tokens.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::access_log::AccessLogLayer;
//!
//! # let routes = tonic::service::Routes::default();
//! let service = AccessLogLayer::new("greet").layer(routes);
//! ```

mod body;
mod call;
mod future;
mod service;
#[cfg(test)]
mod tests;

pub use body::AccessLogBody;
pub(crate) use call::name as code_name;
pub use future::ResponseFuture;
pub use service::{AccessLogLayer, AccessLogService};
