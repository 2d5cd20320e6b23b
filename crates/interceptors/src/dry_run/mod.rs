//! Dry runs: the caller wants to know what a call would do, and nothing to be changed.
//!
//! Metadata `dry-run: 1` asks for it; no other value does. A method that [supports](Support::Supported) dry runs finds [`DryRun`] in its request's
//! extensions, does all its checks and changes nothing, and its answer, an error too, carries `dry-run: 1`: a server that does not know dry runs would have
//! done the real thing, and a caller that does not see the confirmation knows that. Methods that [only read](Support::ReadOnly) confirm as
//! well. Every other method is refused with FAILED_PRECONDITION, so that a dry run is never silently a real one; that is the setting of a method that nobody has
//! listed.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::dry_run::{DryRunLayer, Support};
//! use wayside_interceptors::selector::{HEALTH, Selector};
//!
//! let methods = Selector::builder(Support::Refused)
//!     .on("/cache.v1.CacheService/Store", Support::Supported)
//!     .on("/cache.v1.CacheService/Get", Support::ReadOnly)
//!     .on(HEALTH, Support::ReadOnly)
//!     .build()?;
//! # let routes = tonic::service::Routes::default();
//! let service = DryRunLayer::new(methods).layer(routes);
//! # Ok::<(), wayside_interceptors::selector::InvalidSelector>(())
//! ```

mod future;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use service::{DryRunLayer, DryRunService};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that asks for a dry run and confirms it.
pub const DRY_RUN: HeaderName = HeaderName::from_static("dry-run");

/// In a request's extensions: nothing may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DryRun;

/// What a method makes of a dry run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Support {
    /// It does everything but change anything.
    Supported,
    /// It changes nothing anyway.
    ReadOnly,
    /// It would change something, dry run or not, so the call is refused.
    #[default]
    Refused,
}

/// Whether a request asks for a dry run.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    headers.get_all(DRY_RUN).iter().any(|value| value == "1")
}

/// The value that asks and confirms.
pub(crate) fn one() -> HeaderValue {
    HeaderValue::from_static("1")
}
