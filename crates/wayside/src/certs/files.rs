//! Files that appear whole or not at all, and keys that only their owner reads.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner alone.
    Owner,
    /// Everybody on this machine.
    All,
}

/// Puts a file in the place of the one that may be there.
pub(crate) fn replace(path: &Path, text: &str, readers: Readers) -> Result<()> {
    let new = path.with_extension("new");
    let write = || {
        // One that an interrupted run left may have other readers.
        let _ = fs::remove_file(&new);
        let mode = if readers == Readers::Owner { 0o600 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
