//! The tokens that were found good.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use foldhash::fast::RandomState;
use moka::Expiry;
use moka::sync::Cache;
use siphasher::sip128::{Hasher128, SipHasher13};
use tokio::time::Duration;

use super::key::Key;
use super::{Identity, KeySet};

/// What stands for a token: who reads the memory of the server finds no token in it. 128 bits of SipHash-1-3, which the standard library trusts with keys that
/// attackers choose, under a secret of this process: nobody who does not know the secret can make another token of the same fingerprint but by 2^128 tries, none
/// of which says anything about the next.
pub(super) type Fingerprint = u128;

/// How many tokens can be found without asking the cache, which does more than looking up: it notes the use of each entry and frees old ones.
const RECENT: usize = 256;

/// Bounded, by tokens.
#[derive(Debug)]
pub(super) struct TokenCache {
    known: Cache<Fingerprint, Known, RandomState>,
    /// The last one found of all whose fingerprints end alike.
    recent: Box<[ArcSwapOption<(Fingerprint, Known)>]>,
    secret: (u64, u64),
}

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
        let builder = Cache::builder().max_capacity(capacity).expire_after(WithTheToken);
        // A fingerprint is as good as random, whatever tokens a client makes up.
        let known = builder.build_with_hasher(RandomState::default());
        // From the random bytes that the system gives a process.
        let random = std::hash::RandomState::new();
        let recent = (0..RECENT).map(|_| ArcSwapOption::empty()).collect();
        Self { known, recent, secret: (random.hash_one(0), random.hash_one(1)) }
    }

    pub(super) fn fingerprint(&self, token: &[u8]) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        hasher.write(token);
        hasher.finish128().as_u128()
    }

    /// The identity of a known token, if the token still holds at `now` and its key is still one of `keys`.
    pub(super) fn get(&self, token: &Fingerprint, keys: &KeySet, now: u64) -> Option<Identity> {
        let holds = |known: &Known| now < known.valid_until && keys.holds(&known.key);
        let recent = &self.recent[*token as usize % RECENT];
        if let Some(entry) = &*recent.load()
            && entry.0 == *token
        {
            return holds(&entry.1).then(|| entry.1.identity.clone());
        }
        let known = self.known.get(token).filter(holds)?;
        let identity = known.identity.clone();
        recent.store(Some(Arc::new((*token, known))));
        Some(identity)
    }

    pub(super) fn insert(&self, token: Fingerprint, known: Known) {
        self.known.insert(token, known);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.known.run_pending_tasks();
        self.known.entry_count()
    }
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
