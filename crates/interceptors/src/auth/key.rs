//! A key, and the one algorithm that it is for.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::InvalidKeys;

/// The longest id of a key.
pub(super) const MAX_KEY_ID_BYTES: usize = 256;

/// How a token is signed (RFC 7518, section 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// EdDSA with Ed25519.
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 to 8192 bits.
    Rs256,
}

impl Algorithm {
    pub(super) const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The name in a token's `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EdDsa => &ED25519,
            Self::Es256 => &ECDSA_P256_SHA256_FIXED,
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

/// A public key, which checks signatures of one algorithm and cannot be asked for another.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
    /// The same bytes for the same key, wherever it was read from.
    der: Box<[u8]>,
}

impl Key {
    /// A key from its raw bytes, or from X.509 SubjectPublicKeyInfo.
    pub(super) fn new(
        id: Option<&str>,
        algorithm: Algorithm,
        public: &[u8],
    ) -> Result<Self, InvalidKeys> {
        let public = ParsedPublicKey::new(algorithm.verification(), public);
        Self::parsed(id, algorithm, public.map_err(|_| InvalidKeys::NotAKey)?)
    }

    /// An RSA key from modulus and exponent, as JWKs have them.
    pub(super) fn rsa(id: Option<&str>, n: &[u8], e: &[u8]) -> Result<Self, InvalidKeys> {
        let public =
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
        Self::parsed(id, Algorithm::Rs256, public.map_err(|_| InvalidKeys::NotAKey)?)
    }

    fn parsed(
        id: Option<&str>,
        algorithm: Algorithm,
        public: ParsedPublicKey,
    ) -> Result<Self, InvalidKeys> {
        if id.is_some_and(|id| !(1..=MAX_KEY_ID_BYTES).contains(&id.len())) {
            return Err(InvalidKeys::Id);
        }
        let der: PublicKeyX509Der<'_> = public.as_der().map_err(|_| InvalidKeys::NotAKey)?;
        let der: Box<[u8]> = der.as_ref().into();
        // The size of an RSA key is looked at when a signature is checked; an operator should know when the key is loaded.
        if algorithm == Algorithm::Rs256 && PublicEncryptingKey::from_der(&der).is_err() {
            return Err(InvalidKeys::NotAKey);
        }
        Ok(Self { id: id.map(Into::into), algorithm, public, der })
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the signature over `message` is of this key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }

    /// Whether it is the same key under the same id, wherever each was read.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.id, self.algorithm, &self.der) == (&other.id, other.algorithm, &other.der)
    }
}
