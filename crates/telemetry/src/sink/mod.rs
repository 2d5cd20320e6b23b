//! From a line to standard error, off the path of whoever logs.
//!
//! ```
//! use tracing::Level;
//! use wayside_telemetry::{LineStyle, LogQueue};
//!
//! # fn main() -> std::io::Result<()> {
//! let queue = LogQueue::start(std::io::sink(), LineStyle::Json, LogQueue::GATHERING)?;
//! queue.append(Level::INFO, b"{\"message\":\"one line\"}\n");
//! queue.flush();
//! queue.close();
//! # Ok(())
//! # }
//! ```

mod queue;
#[cfg(test)]
mod tests;
mod writer;

pub use queue::LogQueue;
