//! `wayside certs`: a certificate authority for development, and certificates of it for every server.

mod args;
mod authority;
mod files;
mod run;

pub(crate) use args::CertsArgs;
pub(crate) use files::{Readers, replace};
pub(crate) use run::{NAMES, certs, issue};
