//! From an event to a line.
//!
//! A line is made in a buffer that the thread keeps, without a serializer and without an allocation. Whatever a field holds, it stays one
//! line, and a terminal that shows it does what it is told by nobody but this process: control characters, line separators and
//! characters that turn the direction of text round are escaped, in either style, in every value and in the message.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use tracing_subscriber::layer::SubscriberExt;
//! use tracing_subscriber::registry;
//! use wayside_telemetry::{LineStyle, LogLayer};
//!
//! let lines = Arc::new(Mutex::new(Vec::new()));
//! let sink = lines.clone();
//! let layer = LogLayer::new(LineStyle::Json, move |_level, line: &[u8]| {
//!     sink.lock().unwrap().extend_from_slice(line);
//! });
//! tracing::subscriber::with_default(registry().with(layer), || {
//!     tracing::info!(target: "demo", name = "a\nb", "greeted");
//! });
//! let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
//! assert!(text.ends_with("\"level\":\"INFO\",\"message\":\"greeted\",\"name\":\"a\\nb\",\"target\":\"demo\"}\n"));
//! ```

mod buffer;
mod escape;
mod json;
mod layer;
mod note;
mod number;
#[cfg(test)]
mod tests;
mod text;
mod timestamp;

pub(crate) use buffer::Buffer;
pub use layer::{LineStyle, LogLayer};
