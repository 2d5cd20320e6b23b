//! One log line a call that is made, written when the call is over: when its body has ended or was dropped.
//!
//! Target `remote`, level info, message `invoke remote`, fields `method`, `code`, `duration_ms`, `attempts` when there were several, `trace_id` where there are traces and, for a
//! call that failed, `error`. `code` is the gRPC status name; a call whose caller went away before the end is CANCELLED. Headers
//! are not logged: they hold tokens. It is an [observer](super::observe). Outside of a [retry layer](super::retry) it is one line for all attempts, inside one for each.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::client::logging::CallLog;
//! use wayside_interceptors::client::observe::ObserveLayer;
//!
//! # let channel = tonic::service::Routes::default();
//! let service = ObserveLayer::new(CallLog).layer(channel);
//! ```

mod line;
#[cfg(test)]
mod tests;

pub(crate) use line::error_text;
pub use line::{CallLog, Line};
