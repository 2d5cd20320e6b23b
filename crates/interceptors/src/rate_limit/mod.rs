//! Refuses calls that come faster than a quota allows, for all callers together or for each by itself.
//!
//! A [`Quota`] is so many calls a second, and a burst that may come at once. Two layers are made of it:
//! - [`RateLimitLayer::global`], a tap in front of everything, which protects the server: a call costs next to nothing before it is refused.
//! - [`RateLimitLayer::keyed`], a quota for each caller, which protects callers from each other. Methods that share an entry of the
//!   [`Selector`](crate::selector::Selector) share the quota; `None` exempts.
//!
//! A refused call is RESOURCE_EXHAUSTED and told when to come back, in google.rpc.RetryInfo and in `grpc-retry-pushback-ms` (gRFC A6): when the quota
//! has room again, or up to a quarter later, so that callers do not come back together. A request that is not gRPC gets 429 with `Retry-After`.
//!
//! Where only the handler knows who calls, as when a token has to be looked up first, it asks a [`RateLimiter`] itself.
//!
//! The keys of at most 65,536 callers are kept for each entry. When there are more, those are dropped first whose quota is whole again,
//! which they would not notice. If there is still no room, callers that are new share one quota, so that whoever makes up callers takes
//! neither memory nor anything from those who are known.
//!
//! The algorithm is GCRA, of the crate `governor`; it counts in steps of nanoseconds, and a call that is allowed takes no memory.
//!
//! ```
//! use tower::ServiceBuilder;
//! use wayside_interceptors::admission::by_identity_or_peer;
//! use wayside_interceptors::rate_limit::{Quota, RateLimitLayer};
//! use wayside_interceptors::selector::{HEALTH, REFLECTION, Selector};
//!
//! let each = Selector::builder(Some(Quota::per_second(50, 100)?))
//!     .on("/cache.v1.CacheService/Dump", Some(Quota::per_minute(6, 2)?))
//!     .on(HEALTH, None)
//!     .on(REFLECTION, None)
//!     .build()?;
//! let service = ServiceBuilder::new()
//!     // In front of everything.
//!     .layer(RateLimitLayer::global(Quota::per_second(150, 5)?))
//!     // Behind whatever finds out who calls.
//!     .layer(RateLimitLayer::keyed(each, by_identity_or_peer))
//!     .service(tonic::service::Routes::default());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buckets;
mod clock;
mod in_handler;
mod layer;
mod limiter;
mod quota;
#[cfg(test)]
mod tests;

pub use in_handler::RateLimiter;
pub use layer::{RateLimit, RateLimitLayer};
pub use quota::{InvalidQuota, Quota};
