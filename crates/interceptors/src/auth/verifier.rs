use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::time::Duration;

use super::cache::{Known, TokenCache};
use super::token::{MAX_TOKEN_BYTES, Token};
use super::{Identity, KeyStore, Rejection, TokenRules};

/// How many good tokens are kept unless it is set.
const DEFAULT_CAPACITY: u64 = 10_000;

/// Tells good tokens from bad ones.
pub struct Verifier {
    keys: KeyStore,
    rules: TokenRules,
    known: TokenCache,
    signature_checks: AtomicU64,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Verifier {
    /// Takes tokens that are signed with one of `keys` and obey `rules`. Keeps the last 10,000 that were good.
    pub fn new(keys: KeyStore, rules: TokenRules) -> Self {
        Self {
            keys,
            rules,
            known: TokenCache::new(DEFAULT_CAPACITY),
            signature_checks: AtomicU64::new(0),
            clock: Box::new(SystemTime::now),
        }
    }

    /// Keeps this many good tokens at most; each takes some hundred bytes.
    #[must_use]
    pub fn with_known_tokens(mut self, at_most: u64) -> Self {
        self.known = TokenCache::new(at_most);
        self
    }

    /// Tells the time by this clock instead of the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Who a token is of. When its key is not known, the keys are looked at again, at most once a minute.
    ///
    /// # Errors
    /// Why the token is not good.
    pub async fn verify(&self, token: &str) -> Result<Identity, Rejection> {
        match self.check(token) {
            Err(Rejection::UnknownKey) => match self.keys.refresh() {
                Some(refreshed) => {
                    refreshed.await;
                    self.check(token)
                }
                None => Err(Rejection::UnknownKey),
            },
            checked => checked,
        }
    }

    /// As [`verify`](Self::verify), with the keys as they are.
    ///
    /// # Errors
    /// Why the token is not good.
    pub fn check(&self, token: &str) -> Result<Identity, Rejection> {
        self.check_bytes(token.as_bytes())
    }

    /// As [`check`](Self::check): that a token is text is only asked of one that is not known.
    pub(super) fn check_bytes(&self, token: &[u8]) -> Result<Identity, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLong);
        }
        let keys = self.keys.current();
        let now = self.now();
        let fingerprint = self.known.fingerprint(token);
        if let Some(identity) = self.known.get(&fingerprint, &keys, now) {
            return Ok(identity);
        }
        let text = std::str::from_utf8(token).map_err(|_| Rejection::NotBearer)?;
        let token = Token::parse(text)?;
        // The signature, which costs most, comes last: a client that goes on with an expired token is turned away cheaply.
        let (identity, valid_until) = self.rules.check(&token.claims, now)?;
        let key = keys.find(token.key_id.as_deref())?;
        if token.algorithm != key.algorithm() {
            return Err(Rejection::Algorithm);
        }
        self.signature_checks.fetch_add(1, Ordering::Relaxed);
        if !key.has_signed(token.message.as_bytes(), &token.signature) {
            return Err(Rejection::Signature);
        }
        let (key, lifetime) = (Arc::clone(key), Duration::from_secs(valid_until - now));
        self.known
            .insert(fingerprint, Known { identity: identity.clone(), key, valid_until, lifetime });
        Ok(identity)
    }

    /// How many signatures were checked so far: much fewer than calls, or the number of known tokens is too small.
    pub fn signature_checks(&self) -> u64 {
        self.signature_checks.load(Ordering::Relaxed)
    }

    /// The keys that tokens are checked with.
    pub fn keys(&self) -> &KeyStore {
        &self.keys
    }

    #[cfg(test)]
    pub(super) fn known_tokens(&self) -> u64 {
        self.known.count()
    }

    fn now(&self) -> u64 {
        let since = (self.clock)().duration_since(SystemTime::UNIX_EPOCH);
        since.map(|since| since.as_secs()).unwrap_or_default()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("keys", &self.keys)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
