//! TLS of a server: certificates from files, renewed while it runs; clients' certificates verified where a CA for them is given.
//!
//! TLS 1.2 and 1.3, ALPN `h2` (and `http/1.1` for a server of plain HTTP). Nothing here skips a check.

mod args;
mod error;
mod load;
mod reload;

pub use args::TlsArgs;
pub use error::TlsError;
pub(crate) use load::client;
pub(crate) use reload::ServerTls;
