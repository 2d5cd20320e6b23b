//! Counts the calls of a channel, and the attempts that they were made of. Sources: gRFC A66, "Client Per-Attempt Instruments" and "Client Per-Call Instruments"; gRFC A96.
//!
//! ```
//! use tonic::Code;
//! use wayside_interceptors::client::metrics::ClientCalls;
//! use wayside_interceptors::client::retry::Attempts;
//! use wayside_interceptors::metrics::{Format, Labels, Samples, Source};
//!
//! let calls = ClientCalls::new("dns:///greet:50051");
//! let call = calls.start("/greet.v1.GreetService/Greet");
//! for code in [Code::Unavailable, Code::Ok] {
//!     call.attempt().end(code, &Default::default());
//! }
//! call.end(Code::Ok, &Default::default(), Attempts { total: 2, retries: 1, ..Attempts::default() });
//!
//! let mut samples = Samples::default();
//! calls.collect(&mut samples.within(Labels::default()));
//! let (labels, text) =
//!     (r#"grpc_target="dns:///greet:50051",grpc_method="greet.v1.GreetService/Greet""#, samples.text(Format::Plain));
//! assert!(text.contains(&format!("grpc_client_attempt_started_total{{{labels}}} 2")));
//! assert!(text.contains(&format!("grpc_client_call_retries_sum{{{labels}}} 1")));
//! ```

mod calls;
mod observers;
#[cfg(test)]
mod tests;

pub use calls::{ClientAttempt, ClientCall, ClientCalls};
pub use observers::{CallInProgress, PerAttempt, PerCall};
