//! The Lua scripts. Redis keeps them and is sent their digests; one that has forgotten them is sent them again.

use redis::Script;

/// Every script, ready to be called.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) insert: Script,
    pub(super) delete: Script,
    pub(super) look: Script,
    pub(super) values: Script,
}

/// A script that starts with what all have in common.
macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("scripts/prelude.lua"), include_str!($file)))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            insert: script!("scripts/insert.lua"),
            delete: script!("scripts/delete.lua"),
            look: script!("scripts/look.lua"),
            values: Script::new(include_str!("scripts/values.lua")),
        }
    }
}
