//! What the resolver makes of EndpointSlices and of an API server that fails.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod fake_api;
mod kubernetes_source;
