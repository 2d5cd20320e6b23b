//! The server loop: accepts connections, serves them within bounds, ages them, and ends in the order that loses no call.
//!
//! Not tonic's `Server`: that wraps every service in a timer of its own which answers CANCELLED, cuts aged connections without a GOAWAY, drains
//! without a bound and enforces neither keepalive nor time limits.
//!
//! The life of a connection:
//!
//! ```text
//! accept ─► (TLS) ─► preface ─► serving ──(age | idle | stop)──► GOAWAY, last calls ──► closed
//!    │         │         │         │                                    │
//!    │ too     └─ time limit ──────┼─► closed          grace or drain over: calls end UNAVAILABLE, then closed
//!    │ many                        └─ too many pings ─► GOAWAY ENHANCE_YOUR_CALM, closed
//!    └─► closed
//! ```

mod accept;
mod calls;
mod connection;
mod options;
mod state;
mod watched;

pub use accept::serve;
pub use options::{KeepaliveEnforcement, ServerOptions};
