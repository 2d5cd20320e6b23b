//! The store that was chosen.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Failure, MemoryStore, NotStored, RedisStore, Rehearsal, Write};

/// The entries of every account, wherever they are kept. Cheap to clone.
///
/// The futures of the store in memory never wait, and those of Redis are boxed: whoever keeps entries in memory pays for neither.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// In this process.
    Memory(Arc<MemoryStore>),
    /// In a Redis that others use too.
    Redis(RedisStore),
}

impl Store {
    /// Adds an entry or replaces it, as one step. Only a new key counts against `limit`, the number of keys that the account may have.
    ///
    /// # Errors
    /// When it was refused, nothing was changed. After a failure it may have been stored or not, but never in part.
    pub(crate) async fn insert(
        &self,
        account: &Arc<str>,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), NotStored> {
        match self {
            Self::Memory(store) => Ok(store.insert(account, limit, write, now)?),
            Self::Redis(store) => Box::pin(store.insert(account, limit, write, now)).await,
        }
    }

    /// Says what [`insert`](Self::insert) would after the writes that were tried before, and writes and reserves nothing.
    ///
    /// # Errors
    /// As those of `insert`.
    pub(crate) async fn rehearse(
        &self,
        rehearsal: &mut Rehearsal,
        account: &Arc<str>,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), NotStored> {
        match self {
            Self::Memory(store) => Ok(store.rehearse(rehearsal, account, limit, write, now)?),
            Self::Redis(store) => {
                Box::pin(store.rehearse(rehearsal, account, limit, write, now)).await
            }
        }
    }

    /// Reads a value.
    pub(crate) async fn get(
        &self,
        account: &str,
        key: &str,
        now: Instant,
    ) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Memory(store) => Ok(store.get(account, key, now)),
            Self::Redis(store) => Box::pin(store.get(account, key)).await,
        }
    }

    /// Deletes an entry. False: there was none, or it had expired.
    pub(crate) async fn delete(
        &self,
        account: &Arc<str>,
        key: &str,
        now: Instant,
    ) -> Result<bool, Failure> {
        match self {
            Self::Memory(store) => Ok(store.delete(account, key, now)),
            Self::Redis(store) => Box::pin(store.delete(account, key)).await,
        }
    }
}
