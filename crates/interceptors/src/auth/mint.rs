//! Makes tokens, for development and tests: in production that is what an issuer is for.

use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;
use tokio::time::Duration;

/// What a new token is valid for unless it is set.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// The characters of a line in PEM (RFC 7468, section 2).
const PEM_LINE: usize = 64;

/// An Ed25519 key that makes tokens.
pub struct SigningKey {
    pkcs8: Vec<u8>,
    pair: Ed25519KeyPair,
    id: Option<String>,
}

impl SigningKey {
    /// A new key, which has no id.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, MintError> {
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
        Self::from_pkcs8(document.map_err(|_| MintError::Random)?.as_ref().to_vec())
    }

    /// Reads a key in PEM (PKCS#8).
    ///
    /// # Errors
    /// When there is none, or it is not for Ed25519.
    pub fn from_pem(pem: &[u8]) -> Result<Self, MintError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| MintError::NotAKey)?;
        Self::from_pkcs8(der.secret_pkcs8_der().to_vec())
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self, MintError> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| MintError::NotAKey)?;
        Ok(Self { pkcs8, pair, id: None })
    }

    /// Names this id in tokens (`kid`), for servers that know several keys.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The key in PEM (PKCS#8). Whoever has it can make tokens.
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// What servers check tokens with, in PEM, which has no id.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn public_pem(&self) -> Result<String, MintError> {
        let der: PublicKeyX509Der<'_> =
            self.pair.public_key().as_der().map_err(|_| MintError::NotAKey)?;
        Ok(pem("PUBLIC KEY", der.as_ref()))
    }

    /// The same as a JWK Set, with the id if there is one.
    pub fn public_jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        let mut key =
            json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x });
        if let Some(id) = &self.id {
            key["kid"] = json!(id);
        }
        json!({ "keys": [key] }).to_string()
    }
}

/// Without the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a new token says.
#[derive(Clone, Debug)]
pub struct Claims {
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    roles: Vec<String>,
    lifetime: Duration,
}

impl Claims {
    /// A token about `subject`, for servers that are one of `audiences`, valid for an hour from now, with no roles.
    pub fn new<A: Into<String>>(
        issuer: impl Into<String>,
        subject: impl Into<String>,
        audiences: impl IntoIterator<Item = A>,
    ) -> Self {
        let audiences = audiences.into_iter().map(Into::into).collect();
        let (issuer, subject) = (issuer.into(), subject.into());
        Self { issuer, subject, audiences, roles: Vec::new(), lifetime: DEFAULT_LIFETIME }
    }

    /// Gives it these roles, in the claim `roles`.
    #[must_use]
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Makes it valid for this long, in whole seconds.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

/// Makes a token that says `claims`, signed with `key`.
///
/// # Errors
/// When the key does not sign.
pub fn mint(key: &SigningKey, claims: &Claims) -> Result<String, MintError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = since.map(|since| since.as_secs()).unwrap_or_default();
    let claims = json!({
        "iss": claims.issuer,
        "sub": claims.subject,
        "aud": claims.audiences,
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(claims.lifetime.as_secs()),
        "roles": claims.roles,
    });
    let mut header = Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.kid.clone_from(&key.id);
    Ok(jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key.pkcs8))?)
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// There are no random numbers for a key.
    #[error("the system gives no random numbers")]
    Random,
    /// It is not a key that can make tokens.
    #[error("it is not an Ed25519 key in PKCS#8")]
    NotAKey,
    /// The key does not sign.
    #[error("the token cannot be signed")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(PEM_LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = left;
    }
    pem + &format!("-----END {label}-----\n")
}
