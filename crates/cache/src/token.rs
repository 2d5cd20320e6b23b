//! The account token of a call.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use tonic::metadata::MetadataMap;

use crate::error::Error;

/// How long a token may be, in bytes: as long as the accounts server takes, which makes tokens of 47 bytes.
const MAX_BYTES: usize = 256;

/// A token, which shows itself to nobody but the accounts server.
pub(crate) struct Token(String);

/// The SHA-256 of a token, by which its account is remembered.
pub(crate) type Digest = [u8; 32];

impl Token {
    /// The token of a call: that of the header `authorization: Bearer`, else that of the field. A header that cannot be used is an
    /// error even if there is a field: a caller that sends both means the header.
    pub(crate) fn of(metadata: &MetadataMap, field: &str) -> Result<Self, Error> {
        let mut headers = metadata.get_all("authorization").iter();
        let token = match (headers.next(), headers.next()) {
            (None, _) if field.is_empty() => return Err(Error::TokenMissing),
            (None, _) => field,
            (Some(header), None) => {
                let text = header.to_str().map_err(|_| Error::TokenMalformed)?;
                bearer(text).ok_or(Error::TokenMalformed)?
            }
            (Some(_), Some(_)) => return Err(Error::TokenTwice),
        };
        if token.len() > MAX_BYTES {
            Err(Error::TokenTooLong { limit: MAX_BYTES })
        } else {
            Ok(Self(token.to_owned()))
        }
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> Digest {
        let mut bytes = Digest::default();
        bytes.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        bytes
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

/// The token of `Bearer <token>` (RFC 6750, section 2.1; RFC 7235, section 2.1: the scheme in any case, then spaces).
fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim_matches(' ');
    let fits = scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    fn of(headers: &[&str], field: &str) -> Result<String, Error> {
        let mut metadata = MetadataMap::new();
        for header in headers {
            metadata.append("authorization", MetadataValue::try_from(*header).unwrap());
        }
        Token::of(&metadata, field).map(|token| token.reveal().to_owned())
    }

    #[test]
    fn the_header_wins_over_the_field() {
        assert_eq!(of(&["Bearer header"], "field").unwrap(), "header");
        assert_eq!(of(&["bEARER   header"], "").unwrap(), "header");
        assert_eq!(of(&[], "field").unwrap(), "field");
    }

    #[test]
    fn no_token_at_all_is_missing() {
        assert!(matches!(of(&[], ""), Err(Error::TokenMissing)));
    }

    #[test]
    fn a_header_that_is_not_bearer_and_one_token_is_malformed_even_beside_a_field() {
        for header in
            ["", "Bearer", "Bearer ", "Basic abc", "abc", "Bearer a b", "Bearer a\tb", "Bearerabc"]
        {
            assert!(matches!(of(&[header], "field"), Err(Error::TokenMalformed)), "{header:?}");
        }
        assert!(matches!(of(&["Bearer a", "Bearer b"], "field"), Err(Error::TokenTwice)));
    }

    #[test]
    fn a_header_that_is_not_ascii_is_malformed() {
        let mut metadata = MetadataMap::new();
        metadata.append("authorization", MetadataValue::try_from(&b"Bearer \xff"[..]).unwrap());
        assert!(matches!(Token::of(&metadata, "field"), Err(Error::TokenMalformed)));
    }

    #[test]
    fn a_token_of_more_than_256_bytes_is_refused() {
        assert!(of(&[], &"t".repeat(256)).is_ok());
        assert!(matches!(of(&[], &"t".repeat(257)), Err(Error::TokenTooLong { limit: 256 })));
    }

    #[test]
    fn the_digest_is_sha_256() {
        let digest = Token("abc".to_owned()).digest();
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn debug_output_shows_no_token() {
        assert_eq!(format!("{:?}", Token("secret".to_owned())), "Token(..)");
    }
}
