//! The keys of an issuer.

use std::sync::Arc;

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use super::key::{Key, MAX_KEY_ID_BYTES};
use super::{Algorithm, MAX_DOCUMENT_BYTES, Rejection, jwk};

/// The largest number of keys that a document may have.
pub const MAX_KEYS: usize = 64;

/// The keys of an issuer at one time.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
}

impl KeySet {
    /// Reads a JWK Set or a single JWK (RFC 7517), or a public key in PEM, which has no id.
    ///
    /// The type of a key fixes its algorithm: `alg` may be missing, but not say something else. Keys of a set that are not for this
    /// (another type, another curve, `use` not `sig`) are left out. A key that is the only one needs no id: tokens without `kid` find
    /// it, and if it has none itself, as keys in PEM have not, tokens with any.
    ///
    /// # Errors
    /// When the document is too large, is neither, has a private key, has no usable key, or has two with one id.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidKeys> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(InvalidKeys::TooLarge);
        }
        let keys = if document.trim_ascii_start().starts_with(b"{") {
            jwk::keys(document)?
        } else {
            vec![pem(document)?]
        };
        if keys.is_empty() {
            return Err(InvalidKeys::NoKey);
        }
        for (index, key) in keys.iter().enumerate() {
            if key.id().is_some() && keys[..index].iter().any(|other| other.id() == key.id()) {
                return Err(InvalidKeys::SameId);
            }
        }
        Ok(Self { keys: keys.into_iter().map(Arc::new).collect() })
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// This set, in which each key that `old` has as well is the one of `old`, so that it is still known by its address.
    pub(super) fn replacing(mut self, old: &Self) -> Self {
        for key in &mut self.keys {
            if let Some(same) = old.keys.iter().find(|other| other.is_same(key)) {
                *key = Arc::clone(same);
            }
        }
        self
    }

    /// Whether this very key is still one of them.
    pub(super) fn holds(&self, key: &Arc<Key>) -> bool {
        self.keys.iter().any(|own| Arc::ptr_eq(own, key))
    }

    /// Whether both have the same keys, given that one was made by [`replacing`](Self::replacing) the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len() && self.keys.iter().all(|key| other.holds(key))
    }

    /// The key that a token wants.
    pub(super) fn find(&self, id: Option<&str>) -> Result<&Arc<Key>, Rejection> {
        match (id, &*self.keys) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Rejection::KeyNotNamed),
            // The id helps to choose among keys (RFC 7515, section 4.1.4), and there is nothing to choose.
            (Some(_), [only]) if only.id().is_none() => Ok(only),
            (Some(_), keys) => keys.iter().find(|key| key.id() == id).ok_or(Rejection::UnknownKey),
        }
    }
}

fn pem(document: &[u8]) -> Result<Key, InvalidKeys> {
    let mut found = SubjectPublicKeyInfoDer::pem_slice_iter(document);
    let der = found.next().ok_or(InvalidKeys::NoKey)?.map_err(|_| InvalidKeys::NotAKey)?;
    if found.next().is_some() {
        return Err(InvalidKeys::SeveralPem);
    }
    let mut keys = Algorithm::ALL.into_iter().map(|algorithm| Key::new(None, algorithm, &der));
    keys.find_map(Result::ok).ok_or(InvalidKeys::NotAKey)
}

/// Why a document gives no keys.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeys {
    /// It is too large.
    #[error("it has more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// It starts like JSON and is not.
    #[error("it is not JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON and not a JWK or a set of them.
    #[error("it is neither a JWK nor a set of JWKs")]
    NotJwks,
    /// It has more keys than anyone needs.
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
    /// It holds what only the issuer may have.
    #[error("it has a private key: whoever checks tokens must not be able to make them")]
    Private,
    /// It has no key, or none that is for checking tokens with EdDSA, ES256 or RS256.
    #[error("it has no public key for EdDSA, ES256 or RS256")]
    NoKey,
    /// A key is damaged, too weak, or of another kind.
    #[error("a key is damaged, too short, or not for EdDSA, ES256 or RS256")]
    NotAKey,
    /// Keys in PEM have no id, so that a token could not say which it means.
    #[error("it has several keys in PEM: use a JWK Set, where they have ids")]
    SeveralPem,
    /// The id of a key is not usable.
    #[error("the id of a key does not have 1 to {MAX_KEY_ID_BYTES} bytes")]
    Id,
    /// Two keys have the same id.
    #[error("two keys have the same id")]
    SameId,
}
