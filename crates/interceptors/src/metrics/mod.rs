//! Counts calls under the names of gRFC A66, A94 and A96, and writes what was counted as Prometheus reads it.
//!
//! - [`ServerCalls`]: the calls of a server, by method and status.
//! - [`ClientCalls`](crate::client::metrics::ClientCalls): the calls and the attempts of a channel.
//! - [`HttpCalls`]: the calls of a server of plain HTTP, by route and status.
//! - [`Histogram`]: counts values without a lock.
//! - [`Source`], [`Samples`]: what has something to tell, and where it tells it each time that it is asked.
//!
//! Names are what OpenTelemetry's exporter for Prometheus makes of those in the gRFCs: dots become underscores, the unit and, for counters, `_total` come last, as in
//! `grpc_server_call_duration_seconds`. Label values are bounded, as a series is kept for as long as the process runs: a method that nobody has registered
//! is `other`, and a status is one of 17.
//!
//! A call finds its method once, in a table that nobody writes to, and then adds to numbers. It takes no lock and, but for the first call with a method and a status,
//! allocates nothing.
//!
//! Why not the histogram and the text of `prometheus-client`: that histogram takes a lock for each value, and neither an exemplar nor a histogram that was counted elsewhere
//! can be given to that encoder.
//!
//! ```
//! use wayside_interceptors::metrics::{Format, Metric, Samples, ServerCalls, Source};
//!
//! let calls = ServerCalls::new(["/greet.v1.GreetService/Greet"]);
//! calls.start("/greet.v1.GreetService/Greet").end(tonic::Code::Ok, &Default::default());
//! calls.start("/../../etc/passwd").end(tonic::Code::Unimplemented, &Default::default());
//!
//! /// Something that only this process has.
//! static PAGES: Metric = Metric::counter("bookshop_pages", "Pages that were turned");
//!
//! let mut samples = Samples::default();
//! calls.collect(&mut samples.within([("server", "greet")]));
//! samples.add(&PAGES, [("book", "Walden")], 7);
//! let text = samples.text(Format::OpenMetrics);
//! assert!(text.contains(r#"grpc_server_call_started_total{server="greet",grpc_method="greet.v1.GreetService/Greet"} 1"#));
//! assert!(text.contains(r#"grpc_server_call_started_total{server="greet",grpc_method="other"} 1"#));
//! assert!(text.contains(r#"bookshop_pages_total{book="Walden"} 7"#));
//! ```

mod bounds;
mod calls;
mod histogram;
mod http_calls;
mod methods;
mod observers;
mod samples;
mod server;
mod source;
mod striped;
#[cfg(test)]
mod tests;
mod text;

pub use bounds::{Bounds, HTTP_LATENCY, LATENCY, RETRIES, SIZE, TRANSPARENT_RETRIES};
pub(crate) use calls::{ByCode, Finished};
pub use calls::{Totals, status_name};
pub use histogram::{Counted, Exemplar, Histogram};
pub use http_calls::{HttpCall, HttpCalls};
pub(crate) use methods::{Learned, OTHER, Registered, name as method_name};
pub(crate) use observers::sampled;
pub use samples::{Labels, Samples, Value, Within};
pub use server::{ServerCall, ServerCalls};
pub use source::{Kind, Metric, Source};
pub(crate) use striped::Striped;
pub use text::Format;
