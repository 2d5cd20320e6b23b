//! The tokens that were found good.

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use foldhash::fast::RandomState;
use moka::Expiry;
use moka::sync::Cache;
use tokio::time::Duration;

use super::key::Key;
use super::{Identity, KeySet};

/// What stands for a token: who reads the memory of the server finds no token in it.
pub(super) type Fingerprint = [u8; SHA256_OUTPUT_LEN];

/// Bounded, by tokens.
#[derive(Debug)]
pub(super) struct TokenCache(Cache<Fingerprint, Known, RandomState>);

/// A token that was found good.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) identity: Identity,
    pub(super) key: Arc<Key>,
    /// The second from which it is no longer good.
    pub(super) valid_until: u64,
    /// How long that is from now.
    pub(super) lifetime: Duration,
}

impl TokenCache {
    pub(super) fn new(capacity: u64) -> Self {
        // A fingerprint is as good as random, whatever tokens a client makes up.
        let builder = Cache::builder().max_capacity(capacity).expire_after(WithTheToken);
        Self(builder.build_with_hasher(RandomState::default()))
    }

    /// The identity of a known token, if the token still holds at `now` and its key is still one of `keys`.
    pub(super) fn get(&self, token: &Fingerprint, keys: &KeySet, now: u64) -> Option<Identity> {
        let known = self.0.get(token)?;
        (now < known.valid_until && keys.holds(&known.key)).then_some(known.identity)
    }

    pub(super) fn insert(&self, token: Fingerprint, known: Known) {
        self.0.insert(token, known);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }
}

pub(super) fn fingerprint(token: &str) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    fingerprint
}

/// Frees the memory of a token that has expired. Whether it has is decided by `valid_until`, on the clock that tokens are judged by.
struct WithTheToken;

impl Expiry<Fingerprint, Known> for WithTheToken {
    fn expire_after_create(&self, _: &Fingerprint, known: &Known, _: Instant) -> Option<Duration> {
        Some(known.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &Fingerprint,
        known: &Known,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(known.lifetime)
    }
}
