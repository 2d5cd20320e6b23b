//! Leaves a target alone for a while after its calls have failed, one breaker for each target.
//!
//! ```text
//! Closed   => Open: too many failures in a row, or too large a share of the last calls
//! Open     => HalfOpen: the delay is over, and a call comes
//! HalfOpen => Closed: that one call, the probe, was answered
//!          => Open: it failed, and the delay is twice as long, up to its maximum
//! ```
//!
//! While the breaker is open, calls fail at once with UNAVAILABLE, the name of the breaker and [`CircuitOpen`] as source, by which a
//! [retry layer](super::retry) above knows that there is no point in another attempt. While it is half open, exactly one call is let through, as in
//! linkerd's probation. A probe whose caller goes away makes room for the next, and one that has no answer within the longest delay does too.
//!
//! A call counts when its body ends. For a probe the head of a response is enough (unless it is already a failure), so that a stream which stays open for hours
//! does not keep the target closed to all others. Calls that were let through before the breaker opened do not count any more. Codes that speak
//! of the request rather than of the server, as NOT_FOUND, count as success; a call that its caller has dropped counts as nothing, but
//! for one whose deadline has passed, whichever layer has noticed that.
//!
//! Outside of a retry layer the breaker counts calls, inside it counts attempts. A breaker is for one target whose answers are all alike; to take single
//! endpoints of a channel out of use is the business of outlier detection in the load balancer.
//!
//! ```
//! use http::{Request, Response};
//! use tonic::body::Body;
//! use tonic::Status;
//! use tower::{ServiceExt, service_fn};
//! use tower_layer::Layer;
//! use wayside_interceptors::client::circuit_breaker::{
//!     CircuitBreaker, CircuitBreakerConfig, CircuitBreakerLayer, State,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let config = CircuitBreakerConfig::default().consecutive_failures(2);
//! let breaker = CircuitBreaker::new("accounts", config);
//! // Stands for a channel to a server that is down.
//! let channel = service_fn(|_: Request<Body>| async {
//!     Err::<Response<Body>, _>(Status::unavailable("connection refused"))
//! });
//! let service = CircuitBreakerLayer::new(breaker.clone()).layer(channel);
//! for _ in 0..2 {
//!     service.clone().oneshot(Request::new(Body::empty())).await.unwrap_err();
//! }
//! assert_eq!(breaker.state(), State::Open);
//! let status = service.oneshot(Request::new(Body::empty())).await.unwrap_err();
//! assert!(status.message().starts_with("circuit breaker accounts is open"));
//! # }
//! ```

mod breaker;
mod config;
mod machine;
mod service;
#[cfg(test)]
mod tests;
mod window;

pub use breaker::{CircuitBreaker, CircuitOpen, Passage};
pub use config::{CircuitBreakerConfig, InvalidCircuitBreaker};
pub use machine::State;
pub use service::{BreakerFuture, CircuitBreakerLayer, CircuitBreakerService};
