//! What is written and what is read, wherever the entries are kept.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

/// How many entries a page may look at: what bounds the work of one step, whoever does it.
pub(super) const PAGE_ENTRIES: usize = 64;
/// How large the values of a page may be together, unless it is a single one: what a slow reader keeps in memory.
pub(super) const PAGE_BYTES: usize = 256 * 1024;

/// An entry that is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    pub(crate) key: &'a str,
    pub(crate) val: &'a [u8],
    /// From when on it is gone; `None` keeps it until it is deleted.
    pub(crate) expires: Option<Instant>,
}

/// An entry that was read. A cheap copy, which keeps the value alive when the entry is replaced meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: Arc<str>,
    pub(crate) val: Bytes,
    pub(crate) expires: Option<Instant>,
}

/// Some entries in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// After which key the next page starts; `None` when this is the last. A page can be empty and not the last.
    pub(crate) next: Option<Arc<str>>,
}
