//! The atomics of the standard library; `tests/loom.rs` has loom's under the same name.

pub(super) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
