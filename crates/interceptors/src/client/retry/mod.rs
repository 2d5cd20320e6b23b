//! Retries and hedging as gRFC A6 has them.
//!
//! A call is sent again after a failure with a code that the policy of its method names, or, when the policy says so, before it has failed. It is sent
//! again only while the server has sent nothing but a failure (Trailers-Only, or an error of the transport): with the head of a response the call is
//! committed, and what comes passes through. The delay is min(initial * multiplier^(n-1), max), give or take 20 %, or what the server says in
//! `grpc-retry-pushback-ms`. The deadline of the call covers all attempts, each is sent with what is left, and none is waited for that
//! would come after it. A server is told by `grpc-previous-rpc-attempts` how many attempts came before, and so is the caller.
//!
//! What bounds retries: the policy's number of attempts, at most 5; the [`Throttle`] of the channel, as specified; a [`RetryBudget`], if wanted;
//! the memory for requests that may have to be sent again. None of them makes a call wait.
//!
//! What is never retried: a method without a policy, since only its author knows whether it is safe to be called twice; a request with [`NotIdempotent`]
//! in its extensions; a failure with any other code, which returns at once; what [`RetryLayer::retry_if`] excludes, and what
//! an open [circuit breaker](crate::client::circuit_breaker) below has refused. Transparent retries, of calls that no server has seen, belong to the channel.
//!
//! ```
//! use http::{Request, Response};
//! use tokio::time::Duration;
//! use tonic::body::Body;
//! use tonic::{Code, Status};
//! use tower::{ServiceExt, service_fn};
//! use tower_layer::Layer;
//! use wayside_interceptors::client::retry::{Attempts, RetryLayer, RetryPolicy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let millis = Duration::from_millis;
//! let policy = RetryPolicy::try_new(4, millis(1), millis(10), 2.0, [Code::Unavailable]).unwrap();
//! let layer = RetryLayer::new(move |path: &str| {
//!     path.starts_with("/cache.v1.CacheService/Get").then_some(policy.into())
//! });
//!
//! // Stands for a channel whose first server is going away.
//! let channel = service_fn(|request: Request<Body>| async move {
//!     match request.headers().get("grpc-previous-rpc-attempts") {
//!         None => Err(Status::unavailable("connection lost")),
//!         Some(_) => Ok(Response::new(Body::empty())),
//!     }
//! });
//! let request = Request::builder().uri("/cache.v1.CacheService/Get").body(Body::empty()).unwrap();
//! let response = layer.layer(channel).oneshot(request).await.unwrap();
//! assert_eq!(response.extensions().get::<Attempts>().unwrap().retries, 1);
//! # }
//! ```

mod accounting;
mod backoff;
mod budget;
mod call;
mod future;
mod layer;
mod plan;
mod policy;
mod pushback;
mod service;
mod stats;
#[cfg(test)]
mod tests;
mod throttle;

pub use accounting::{Accounting, Failure};
pub use budget::RetryBudget;
pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use policy::{HedgingPolicy, InvalidPolicy, MethodPolicy, Policies, RetryPolicy};
pub(crate) use pushback::Pushback;
pub use service::Retry;
pub use stats::{Attempts, RetryStats, TransparentRetries};
pub use throttle::Throttle;

/// In a request's extensions: this call must not be made twice, whatever the policy of its method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotIdempotent;
