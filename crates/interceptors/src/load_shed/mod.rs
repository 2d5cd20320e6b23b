//! Refuses calls that a server has no room for, at once, so that those that it takes are answered in good time.
//!
//! A server that takes every call answers none in time once it is overloaded: each waits behind all the others, and what is answered at last was
//! given up long ago. A [`Limit`] bounds the calls in flight, from their arrival to the end of their body. It is a number, or found by
//! measuring, as [`Limit::Adaptive`] says. Methods that share an entry of the [`Selector`](crate::selector::Selector) share the limit; `None`
//! exempts, which by default health checks and reflection are. Streams that are open for long would hold an adaptive limit for themselves
//! all the time and should have an entry of their own, with a fixed limit.
//!
//! A refused call is UNAVAILABLE, and told to come back in 100 to 125 ms, in google.rpc.RetryInfo and in `grpc-retry-pushback-ms` (gRFC A6); a
//! retry is a new pick, so it may find another server. `doc/statuscodes.md` names RESOURCE_EXHAUSTED for a server without threads, and
//! google.rpc.Code, UNAVAILABLE for what a retry after a while may correct. Overload is the latter: it is not the caller who has used
//! something up. Envoy's adaptive concurrency filter (503, which is UNAVAILABLE in gRPC) and Netflix's interceptor for gRPC answer the same.
//! A request that is not gRPC gets 503 with `Retry-After`.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::load_shed::{Limit, LoadShedLayer};
//!
//! let layer = LoadShedLayer::new(Limit::adaptive());
//! let service = layer.layer(tonic::service::Routes::default());
//!
//! // For metrics.
//! let load = layer.load("/cache.v1.CacheService/Get").expect("the method is not exempt");
//! assert_eq!((load.limit, load.in_flight, load.shed), (20, 0, 0));
//! assert!(layer.load("/grpc.health.v1.Health/Check").is_none());
//! ```

mod adaptive;
mod gradient;
mod histogram;
mod layer;
mod limit;
mod limiter;
#[cfg(test)]
mod tests;

pub use layer::{LoadShed, LoadShedLayer};
pub use limit::{Limit, Load};
pub use limiter::InFlight;
