//! Deadlines on the server: a `grpc-timeout` covers the call from its arrival to the end of its stream.
//!
//! When it passes, the handler's future or the response body is dropped, so that work stops, and the call ends in
//! DEADLINE_EXCEEDED: as the only status when no head was sent yet, else in the trailers. A `grpc-timeout` that cannot be
//! parsed is refused with INTERNAL, as grpc-go does; a call that arrives expired never reaches the handler.
//! A request that is not gRPC, as a gateway takes it, is told its deadline and left alone.
//! A caller that sets no timeout gets the default of the method, and nobody gets more than its maximum: [`Timeouts`], for each method by a
//! [`Selector`](crate::selector::Selector); there are none unless they are set. What is left is in the request's extensions as [`Deadline`]. Rule: PROTOCOL-HTTP2, "Timeout".
//!
//! ```
//! use tower_layer::Layer;
//! use tokio::time::Duration;
//! use wayside_interceptors::deadline::{DeadlineLayer, Timeouts};
//! use wayside_interceptors::selector::Selector;
//!
//! let seconds = |seconds| Some(Duration::from_secs(seconds));
//! let timeouts = Selector::builder(Timeouts { default: seconds(10), max: seconds(60) })
//!     .on("/cache.v1.CacheService/Dump", Timeouts::default())
//!     .build()?;
//! # let routes = tonic::service::Routes::default();
//! let service = DeadlineLayer::new(timeouts).layer(routes);
//! # Ok::<(), wayside_interceptors::selector::InvalidSelector>(())
//! ```

mod body;
mod future;
mod service;
#[cfg(test)]
mod tests;
mod timeout;
mod timeouts;
mod timer;

pub use body::DeadlineBody;
pub use future::ResponseFuture;
pub use service::{DeadlineLayer, DeadlineService};
pub use timeout::{InvalidTimeout, grpc_timeout, parse_grpc_timeout};
pub use timeouts::Timeouts;

use tokio::time::{Duration, Instant};

/// In a request's extensions: when the call has to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// What is left until the deadline; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// The text of the status of a call whose deadline has passed.
pub(crate) const EXCEEDED: &str = "deadline exceeded";
