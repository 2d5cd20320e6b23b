//! REST and JSON in front of every service.
//!
//! Nothing here is generated for a method: the gateway reads the `google.api.http` annotations in the descriptor set when it starts
//! (`rule`, `binding`), keeps one table of routes (`template`, `tree`), turns path, query and body into the request message (`bind`),
//! calls the method (`call`) and writes the reply as canonical proto JSON (`reply`, `stream`). A status becomes HTTP in one place
//! (`status`). `greet` holds the one route that is older than the annotations.
//!
//! Choices that the proto JSON mapping leaves open: replies have lowerCamelCase names and show fields that have their default value,
//! as grpc-gateway does; requests may use either name of a field. A stream of messages is NDJSON in both directions: one JSON object
//! a line. A server stream that fails after its first message ends in the line `{"error": <google.rpc.Status>}`.

mod app;
mod args;
mod backends;
mod bind;
mod binding;
mod body;
mod call;
mod codec;
mod details;
mod edge;
mod error;
mod greet;
mod metadata;
mod openapi;
mod pages;
mod reply;
mod rule;
mod same_origin;
mod status;
mod stream;
mod table;
mod template;
#[cfg(test)]
mod testing;
mod tree;

pub use app::Gateway;
pub use args::GatewayArgs;
