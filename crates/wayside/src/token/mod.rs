//! `wayside token`: a token for development, and the key that servers check it with.

mod args;
mod key;
mod run;

pub(crate) use args::TokenArgs;
pub(crate) use run::token;
