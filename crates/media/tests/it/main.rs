//! Downloads over real sockets: the media server in front, scripted web servers and decoys behind it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bodies;
mod limits;
mod names;
mod original_client;
mod process;
mod redirects;
mod refusals;
mod support;
mod upstream;
mod vectors;
