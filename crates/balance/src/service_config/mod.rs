//! Service config: how the calls of a service are to be made, as JSON that every gRPC stack reads.
//!
//! Whoever runs a service writes it once, and its clients in every language follow it. The channel itself uses the load balancing policy, the health
//! check and the limit of connections; what is said of methods (timeouts, retries, hedging, sizes of messages) is plain data for the interceptors
//! around the channel.
//!
//! Unknown fields are ignored, so that a config may be newer than its readers. A known field that is wrong makes the whole config invalid, and the
//! error names it. Which fields there are: grpc/grpc-proto `grpc/service_config/service_config.proto`, in the JSON form of protos, where a duration is
//! a string of seconds as `"1.5s"`. Sources: gRFC A2 (DNS), A6 (retries), A17 (health checks), A21 (errors), A24 (policies), A105 (connections).
//!
//! ```
//! use std::time::Duration;
//! use wayside_balance::ServiceConfig;
//!
//! let config: ServiceConfig = r#"{
//!   "loadBalancingConfig": [{ "policy_of_tomorrow": {} }, { "round_robin": {} }],
//!   "methodConfig": [
//!     { "name": [{}], "timeout": "10s" },
//!     {
//!       "name": [{ "service": "helloworld.Greeter" }],
//!       "timeout": "1.5s",
//!       "retryPolicy": {
//!         "maxAttempts": 4,
//!         "initialBackoff": "0.1s",
//!         "maxBackoff": "1s",
//!         "backoffMultiplier": 2,
//!         "retryableStatusCodes": ["UNAVAILABLE"]
//!       }
//!     },
//!     { "name": [{ "service": "helloworld.Greeter", "method": "Watch" }], "waitForReady": true }
//!   ],
//!   "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1 },
//!   "healthCheckConfig": { "serviceName": "helloworld.Greeter" }
//! }"#
//! .parse()?;
//!
//! let greet = config.method("/helloworld.Greeter/SayHello").unwrap();
//! assert_eq!(greet.timeout, Some(Duration::from_millis(1_500)));
//! assert_eq!(greet.retry_policy.as_ref().unwrap().max_attempts, 4);
//!
//! // The most specific entry is taken whole: nothing is inherited from the less specific ones.
//! let watch = config.method("/helloworld.Greeter/Watch").unwrap();
//! assert_eq!((watch.wait_for_ready, watch.timeout), (Some(true), None));
//!
//! let error = r#"{ "methodConfig": [{ "name": [{}], "timeout": "2 min" }] }"#.parse::<ServiceConfig>().unwrap_err();
//! assert_eq!(error.field(), "methodConfig[0].timeout");
//! # Ok::<_, wayside_balance::ServiceConfigError>(())
//! ```

mod config;
mod error;
mod fields;
mod method;
mod methods;
mod retry;
#[cfg(test)]
mod tests;
mod txt;

pub use config::ServiceConfig;
pub use error::ServiceConfigError;
pub(crate) use fields::Fields;
pub use method::MethodConfig;
pub use retry::{HedgingPolicy, RetryPolicy, RetryThrottling};
pub use txt::Chooser;
