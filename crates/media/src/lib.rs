//! Fetches an image from the web and tells its size, without being talked into fetching anything else.
//!
//! A server that fetches what its callers name can be made to call the services behind the firewall (SSRF). What stands against it:
//!
//! - `target`: what a usable URL is. Only http and https, no user name, nothing that two parsers could read in two ways.
//! - `policy`: which addresses and ports may be connected to. Every address of a name has to be one of them, and a connection is
//!   made to the addresses that were checked and to no others, so that a name cannot change its mind in between.
//! - `fetch`: follows redirects by hand, so that each hop passes both of these.
//! - `read` and `image`: the size is read from the first bytes of the body, and what comes after them is never downloaded.
//!
//! A refusal tells the caller nothing of what is behind the firewall: one text for every address, port, name and redirect.

mod address;
mod app;
mod client;
mod error;
mod fetch;
mod image;
mod metrics;
mod options;
mod policy;
mod read;
mod resolve;
mod service;
mod target;

pub use app::{Media, routes};
pub use options::MediaArgs;
pub use policy::{AllowRange, InvalidRange};
pub use resolve::{DnsResolver, Resolve, ResolveError};
