//! The size of an image from its first bytes.
//!
//! Not the crate `imagesize` (0.15), which is the oracle of the tests: given a prefix it does not tell "more bytes are needed"
//! from "broken", reads sizes out of bytes that are no image (`\x89PNG` and anything, Apple's CgBI variant of PNG), takes the
//! scaling bits of a VP8 header for part of the size, and does not know the fill bytes of JPEG.

mod probe;
#[cfg(test)]
mod tests;

pub(crate) use probe::{Probe, Prober, Size};
