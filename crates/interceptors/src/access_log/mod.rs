//! One log line a call, written when the call is over: when its body has ended or was dropped.
//!
//! Target `access`, level info, message `invoke server`, and the fields
//!
//! - `server`: the name given to the layer;
//! - `method`: the path that was called, without its query string; with the HTTP method in front if the answer is not gRPC;
//! - `peer`: the address of the other end, where the server loop tells it as [`Peer`](crate::Peer);
//! - `identity`: who called, as [auth](crate::auth) found out or the application has [said](crate::observe::CallRecord::set_caller), also if the call was
//!   refused;
//! - `code`: the name of the gRPC status, or the number of the HTTP status of an answer that is not gRPC. A call whose client went
//!   away before the end is CANCELLED;
//! - `duration_ms`: milliseconds from the head of the request to the end of the response;
//! - `request_bytes`, `response_bytes`: the payload of all DATA frames, the five bytes in front of each message included. Of a request, what the
//!   handler has read; of a response, what was handed to the connection;
//! - `request_id`: that of the [metadata layer](crate::metadata) outside, else the header `x-request-id`, if it is of 1 to 128 visible ASCII characters, or what an inner layer has
//!   [set](crate::observe::CallRecord::set_request_id) where there is none;
//! - `trace_id`: where the call is in a trace, that trace;
//! - `error`: for a call that failed, the message of its status.
//!
//! Headers and query strings are not logged: they may hold tokens. What a caller can choose is recorded as `str`, as it came; a
//! subscriber has to escape it, as that of `wayside-telemetry` and `tracing_subscriber::fmt` do.
//!
//! A filter that leaves these lines out, such as `access=warn`, leaves out the work for them as well.
//!
//! It is an [observer](crate::observe), so that the line shares what is kept of a call with metrics and spans.
//!
//! ```
//! use http::{Request, Response};
//! use tower::service_fn;
//! use tower_layer::Layer;
//! use wayside_interceptors::access_log::AccessLog;
//! use wayside_interceptors::observe::{CallRecord, ObserveLayer, ObservedRequestBody};
//! # use tonic::body::Body;
//!
//! // A service that knows its callers by something else than a signed token says who they are.
//! let service = service_fn(async |request: Request<ObservedRequestBody<Body>>| {
//!     if let Some(record) = request.extensions().get::<CallRecord>() {
//!         record.set_caller("account 17");
//!     }
//!     Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
//! });
//! let service = ObserveLayer::new("cache", AccessLog).layer(service);
//! ```

mod address;
mod line;
mod message;
#[cfg(test)]
mod tests;

pub(crate) use line::milliseconds;
pub use line::name as code_name;
pub use line::{AccessLog, Line};
pub(crate) use message::decoded;
