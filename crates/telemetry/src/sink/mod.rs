//! From a line to standard error, off the path of whoever logs.
//!
//! Lines are copied into one buffer behind a lock, which a thread of its own takes as a whole and writes. While it writes, or while it gathers
//! lines for a moment, the next buffer fills: a busy process makes one system call for hundreds of lines, and a line costs whoever logs it a
//! copy. The buffer has a bound, and what is past it depends on the line:
//!
//! - one of level info or below is dropped. How many were is the next line once there is room;
//! - a warning or an error waits for room. It does not wait for a reader that has stopped reading: when the writer has got nowhere for
//!   a second, it is dropped and counted too, and no other waits before the writer gets on.
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
