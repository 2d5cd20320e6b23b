//! A signed token in its compact form: header, claims and signature (RFC 7515, section 7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::json::Object;
use super::key::MAX_KEY_ID_BYTES;
use super::{Algorithm, Rejection};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A token, of which nothing has been checked but its form.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    pub(super) claims: Object,
    /// What is signed.
    pub(super) message: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Rejection::Parts);
        };
        let (message, _) = text.rsplit_once('.').ok_or(Rejection::Parts)?;
        let header = Object::parse(&decode(header)?)?;
        let (algorithm, key_id) = check(&header)?;
        let claims = Object::parse(&decode(claims)?)?;
        Ok(Self { algorithm, key_id, claims, message, signature: decode(signature)? })
    }
}

/// No padding, no other alphabet, no bits that mean nothing: a token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::Encoding)
}

/// Reads what is needed of the header. Parameters that carry a key, or say where one is, are never looked at.
fn check(header: &Object) -> Result<(Algorithm, Option<String>), Rejection> {
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
    let algorithm = algorithm.ok_or(Rejection::Algorithm)?;
    if header.get("crit").is_some() {
        return Err(Rejection::Critical);
    }
    match header.get("typ").map(Value::as_str) {
        None => {}
        Some(Some(name)) if is_access_token(name) => {}
        Some(_) => return Err(Rejection::Type),
    }
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) if (1..=MAX_KEY_ID_BYTES).contains(&id.len()) => Some(id.clone()),
        Some(_) => return Err(Rejection::KeyId),
    };
    Ok((algorithm, key_id))
}

/// Issuers sign other things with the same key, such as logout tokens: those say so here (RFC 8725, section 3.11).
fn is_access_token(name: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(name))
}
