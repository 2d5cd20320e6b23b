//! What the tests share.

mod decoy;
pub(crate) mod images;
mod media;
mod names;
mod web;

pub(crate) use decoy::Decoy;
pub(crate) use media::{Server, serve, serve_resolving};
pub(crate) use names::{NameServer, Names};
pub(crate) use web::{Web, eventually, response};
