//! From an HTTP request to the messages of a call.

mod expected;
mod explain;
mod json;
mod one_field;
mod query;
mod requests;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use requests::{Requests, requests};
