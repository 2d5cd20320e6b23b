//! The resume token of Dump: after which key to go on. It says nothing else, so it stays good when the server restarts.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use tonic::Status;
use wayside_chassis::Violations;

use crate::fields::MAX_KEY_BYTES;

/// The first byte, so that a token of another form is told from this one.
const VERSION: u8 = 1;
/// How long the longest token is: that of the longest key.
const MAX_BYTES: usize = (1 + MAX_KEY_BYTES).div_ceil(3) * 4;

/// The token of the entry with this key.
pub(crate) fn encode(key: &str) -> String {
    BASE64.encode([&[VERSION], key.as_bytes()].concat())
}

/// The key in a token; `None` for the empty token, which starts from the first key.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(crate) fn decode(token: &str) -> Result<Option<String>, Status> {
    let key = key(token);
    let mut bad = Violations::default();
    bad.check(
        token.is_empty() || key.is_some(),
        "resume_token",
        "is not the resume_token of a DumpResponse; leave it empty to start from the first key",
    );
    bad.into_result().map(|()| key)
}

fn key(token: &str) -> Option<String> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let bytes = BASE64.decode(token).ok()?;
    let (&VERSION, key) = bytes.split_first()? else { return None };
    let key = str::from_utf8(key).ok()?;
    (1..=MAX_KEY_BYTES).contains(&key.len()).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn a_token_gives_its_key_back() {
        for key in ["k", "a/b?c", "schlüssel", &"k".repeat(1024)] {
            assert_eq!(decode(&encode(key)).unwrap().as_deref(), Some(key));
        }
        assert_eq!(decode("").unwrap(), None);
    }

    #[test]
    fn what_is_not_a_token_is_refused_by_name() {
        let other_version = BASE64.encode(b"\x02key");
        let not_text = BASE64.encode(b"\x01\xff");
        let no_key = BASE64.encode(b"\x01");
        let too_long = encode(&"k".repeat(1025));
        for token in [
            "key",
            "AWs=",
            "AW s",
            "*",
            &other_version,
            &not_text,
            &no_key,
            &too_long,
            &"A".repeat(9999),
        ] {
            let status = decode(token).unwrap_err();
            let bad = status.get_details_bad_request().unwrap();
            assert_eq!(bad.field_violations[0].field, "resume_token", "{token}");
        }
    }
}
