//! A handler that panics fails its own call, with INTERNAL, and nothing else: the connection and the calls beside it live on.
//!
//! The panic is logged with the method that was called. What the client is told has nothing of the panic's text, which may hold anything.
//!
//! ```
//! use tower_layer::Layer;
//! use wayside_interceptors::recovery::RecoveryLayer;
//!
//! let service = RecoveryLayer.layer(tonic::service::Routes::default());
//! ```

mod body;
mod future;
mod service;
#[cfg(test)]
mod tests;

pub use body::RecoveryBody;
pub use future::ResponseFuture;
pub use service::{Recovery, RecoveryLayer};

use std::any::Any;

use http::uri::PathAndQuery;
use tonic::Status;

/// What a client is told of a panic.
fn status() -> Status {
    Status::internal("the server failed while it answered this call")
}

fn log(path: Option<&PathAndQuery>, panic: &(dyn Any + Send)) {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        method = path.map_or("", PathAndQuery::path),
        panic = text.unwrap_or("not a text"),
        "a handler panicked"
    );
}
