//! Where entries are kept, as an option.

use std::io;
use std::path::Path;

use redis::{ConnectionInfo, IntoConnectionInfo};

/// Where entries are kept.
#[derive(Clone, Debug)]
pub enum CacheStore {
    /// In the memory of the server: they end with it, and replicas do not share them.
    Memory,
    /// In Redis or Valkey.
    Redis(RedisAddress),
}

/// Where a Redis is, and as whom to talk to it; without a password, which no option shows.
#[derive(Clone, Debug)]
pub struct RedisAddress(Box<ConnectionInfo>);

/// Why a text cannot be a [`CacheStore`]; the text is not shown, as there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCacheStore {
    /// It is neither `memory` nor an address.
    #[error(
        "a store is 'memory', or redis://[USER@]HOST[:PORT][/DATABASE], with rediss:// for TLS"
    )]
    Unknown,
    /// It has a password in it.
    #[error(
        "a password on the command line is seen by other users; put it in a file and name that with --cache-store-password-file"
    )]
    Password,
}

impl CacheStore {
    /// Takes a text as store.
    ///
    /// # Errors
    /// When it is neither `memory` nor an address of Redis, or has a password in it.
    pub fn try_new(text: &str) -> Result<Self, BadCacheStore> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let scheme = text.split_once("://").ok_or(BadCacheStore::Unknown)?.0;
        if !["redis", "rediss"].contains(&scheme) {
            return Err(BadCacheStore::Unknown);
        }
        let address = text.into_connection_info().map_err(|_| BadCacheStore::Unknown)?;
        match address.redis_settings().password() {
            Some(_) => Err(BadCacheStore::Password),
            None => Ok(Self::Redis(RedisAddress(Box::new(address)))),
        }
    }
}

impl RedisAddress {
    /// The address with the password that is in a file, whose last line end is no part of it.
    pub(crate) fn with_password_of(self, file: Option<&Path>) -> io::Result<ConnectionInfo> {
        let Some(file) = file else { return Ok(*self.0) };
        let text = std::fs::read_to_string(file)?;
        let redis =
            self.0.redis_settings().clone().set_password(text.trim_end_matches(['\r', '\n']));
        Ok(self.0.set_redis_settings(redis))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_store_is_memory_or_an_address_of_redis() {
        assert!(matches!(CacheStore::try_new("memory"), Ok(CacheStore::Memory)));
        for text in ["redis://redis", "redis://[::1]:6379/2", "rediss://cache@redis.example:6380"] {
            assert!(matches!(CacheStore::try_new(text), Ok(CacheStore::Redis(_))), "{text}");
        }
        for text in ["", "Memory", "redis", "redis://", "http://redis", "file:///a", "redis:///1"] {
            assert_eq!(CacheStore::try_new(text).unwrap_err(), BadCacheStore::Unknown, "{text}");
        }
    }

    #[test]
    fn a_password_comes_from_a_file_and_is_not_shown() {
        for text in ["redis://:hunter2@redis", "rediss://cache:hunter2@redis"] {
            assert_eq!(CacheStore::try_new(text).unwrap_err(), BadCacheStore::Password);
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2\n").unwrap();
        let Ok(CacheStore::Redis(address)) = CacheStore::try_new("redis://cache@redis") else {
            panic!("an address of Redis")
        };
        let address = address.with_password_of(Some(file.path())).unwrap();
        assert_eq!(address.redis_settings().username(), Some("cache"));
        assert_eq!(address.redis_settings().password(), Some("hunter2"));
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
