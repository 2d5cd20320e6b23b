//! Tokens, and the digests that are kept in their place.

use std::fmt;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// A new token: `way_` and 32 random bytes in base64url. Its Debug output does not show it.
pub(crate) struct Token(String);

impl Token {
    /// Makes a token.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes)?;
        Ok(Self(format!("way_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    pub(crate) fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }

    /// The token itself, for the one response that shows it.
    pub(crate) fn reveal(self) -> String {
        self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(redacted)")
    }
}

/// The SHA-256 of a token. A token has 256 random bits, so a plain digest cannot be reversed by guessing.
#[derive(Clone)]
pub(crate) struct TokenDigest(Digest);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        Self(digest(&SHA256, token.as_bytes()))
    }

    /// Whether this is the digest of a token; it takes the same time whatever the answer.
    pub(crate) fn is_of(&self, token: &str) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_ref(), Self::of(token).0.as_ref()).is_ok()
    }

    /// The digest as text, which every database compares in the same way.
    pub(crate) fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenDigest(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_way_and_32_random_bytes() {
        let (token, other) =
            (Token::generate().unwrap().reveal(), Token::generate().unwrap().reveal());
        assert_ne!(token, other);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("way_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
    }

    #[test]
    fn the_digest_is_sha_256_in_base64url() {
        // echo -n abc | sha256sum
        assert_eq!(TokenDigest::of("abc").to_text(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert!(TokenDigest::of("abc").is_of("abc") && !TokenDigest::of("abc").is_of("abd"));
    }

    #[test]
    fn debug_output_shows_neither_token_nor_digest() {
        let token = Token::generate().unwrap();
        let digest = token.digest();
        assert_eq!(format!("{token:?} {digest:?}"), "Token(redacted) TokenDigest(redacted)");
    }
}
