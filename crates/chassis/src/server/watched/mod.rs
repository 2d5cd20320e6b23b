//! A connection's I/O with an eye on its HTTP/2 frames.
//!
//! h2 answers PING and SETTINGS by itself and tells nobody, and lets nobody send a GOAWAY with a reason. So the frame headers are counted where the
//! bytes pass, and a GOAWAY of our own is put between two of h2's frames.

mod frames;
mod io;
mod strikes;

pub(super) use io::WatchedIo;
