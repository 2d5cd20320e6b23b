//! One way to make errors that a program can act on: a [`Status`](tonic::Status) with the details of google.rpc.
//!
//! [`StatusBuilder`] puts the details together, [`Violations`] collects every bad field of a request before it is refused, and the layer of
//! [`rpc_error`] tells the same to clients of the older API in the form that they know. What goes out has bounds, because clients refuse
//! headers that are too large and would then see a broken stream in place of the error, and no control characters, because the text of an
//! error ends up in logs and terminals.
//!
//! ```
//! use std::time::Duration;
//! use tonic::{Code, Status};
//! use wayside_interceptors::errors::{StatusBuilder, Violations};
//!
//! fn store(key: &str, keys: u64) -> Result<(), Status> {
//!     let mut bad = Violations::default();
//!     bad.check(!key.is_empty(), "key", "must not be empty");
//!     bad.check(key.len() <= 256, "key", format_args!("has {} bytes of at most 256", key.len()));
//!     bad.into_result()?;
//!     if keys >= 10 {
//!         return Err(StatusBuilder::new(Code::ResourceExhausted, "the account has no room")
//!             .reason("ACCOUNT_FULL", "cache.example")
//!             .metadata("keys", keys)
//!             .quota("account:gopher", "10 keys")
//!             .build());
//!     }
//!     Ok(())
//! }
//!
//! assert_eq!(store("", 0).unwrap_err().code(), Code::InvalidArgument);
//! assert_eq!(store("gopher", 10).unwrap_err().code(), Code::ResourceExhausted);
//! ```

pub mod rpc_error;
mod status_builder;
#[cfg(test)]
mod tests;
mod text;
mod violations;

pub use status_builder::StatusBuilder;
pub use violations::Violations;
