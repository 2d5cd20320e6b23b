//! Bounds how many calls each caller has in flight, so that one of them cannot have all of a server's handlers, memory or streams.
//!
//! A call is in flight until its body ends, so a stream counts for as long as it lasts. Methods that share an entry of the
//! [`Selector`](crate::selector::Selector) share the bound; `None` exempts. One call more is RESOURCE_EXHAUSTED, with a text that names
//! the bound, or 429 where it is not gRPC. It is not told when to come back: that is when one of the caller's own calls ends.
//!
//! Where only the handler knows who calls, as when a token has to be looked up first, it asks a [`ConcurrencyLimiter`] itself.
//!
//! A caller with nothing in flight takes no room. At most 65,536 callers with calls in flight are told apart for each entry, and those for
//! whom there is no room share 16 bounds, so that whoever makes up callers takes nothing from those who are known.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::admission::by_identity_or_peer;
//! use wayside_interceptors::concurrency::ConcurrencyLayer;
//! use wayside_interceptors::selector::{HEALTH, Selector};
//!
//! let limits = Selector::builder(Some(100))
//!     .on("/cache.v1.CacheService/Dump", Some(2))
//!     .on(HEALTH, None)
//!     .build()?;
//! let service = ConcurrencyLayer::new(limits, by_identity_or_peer)
//!     .layer(tonic::service::Routes::default());
//! # Ok::<(), wayside_interceptors::selector::InvalidSelector>(())
//! ```

mod in_handler;
mod layer;
mod slots;
#[cfg(test)]
mod tests;

pub use in_handler::ConcurrencyLimiter;
pub use layer::{Concurrency, ConcurrencyLayer};
pub use slots::Slot;
