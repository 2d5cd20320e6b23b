//! The error of the older API: clients that call by an alias of a path find it in the trailer `rpc-error`.
//!
//! It is a message `Error{int64 code = 1; string message = 2; bool temporary = 3; int64 userErrorCode = 4}`, in standard base64. Such clients
//! retry if and only if it is [`temporary`](RpcError::temporary). Calls by the newer path are left alone: their clients have
//! `grpc-status-details-bin`.
//!
//! The layer goes inside [`PathAliasLayer`](crate::path_alias::PathAliasLayer), whose mark it looks for, and outside every layer that may refuse a
//! call, so that refusals are told as well.
//!
//! ```
//! use tower::ServiceBuilder;
//! use wayside_interceptors::errors::rpc_error::RpcErrorLayer;
//! use wayside_interceptors::path_alias::{PathAlias, PathAliasLayer};
//!
//! const ALIASES: &[PathAlias] = &[PathAlias { from: "/rpc.Cache/", to: "/cache.v1.CacheService/" }];
//! let service = ServiceBuilder::new()
//!     .layer(PathAliasLayer::new(ALIASES))
//!     .layer(RpcErrorLayer)
//!     .service(tonic::service::Routes::default());
//! ```

mod body;
mod future;
mod message;
mod service;
#[cfg(test)]
mod tests;

pub use body::RpcErrorBody;
pub use future::ResponseFuture;
pub use message::RpcError;
pub use service::{RpcErrorLayer, RpcErrorService};
