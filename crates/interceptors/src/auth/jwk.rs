//! Keys in JSON (RFC 7517, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use serde_json::Value;

use super::key::Key;
use super::{Algorithm, InvalidKeys, MAX_KEYS};

/// The bytes of a coordinate on P-256.
const COORDINATE_BYTES: usize = 32;

/// The keys of a set that can be used.
pub(super) fn keys(document: &[u8]) -> Result<Vec<Key>, InvalidKeys> {
    let members = match serde_json::from_slice(document).map_err(InvalidKeys::Json)? {
        Value::Object(mut set) => match set.remove("keys") {
            Some(Value::Array(members)) => members,
            None if set.contains_key("kty") => vec![Value::Object(set)],
            _ => return Err(InvalidKeys::NotJwks),
        },
        _ => return Err(InvalidKeys::NotJwks),
    };
    if members.len() > MAX_KEYS {
        return Err(InvalidKeys::TooMany);
    }
    // "d" is the private part of every kind of key (RFC 7518, section 6; RFC 8037).
    if members.iter().any(|member| member.get("d").is_some()) {
        return Err(InvalidKeys::Private);
    }
    let usable = |member| {
        key(member)
            .inspect_err(|error| tracing::debug!(%error, "a key of the set is left out"))
            .ok()
    };
    Ok(members.into_iter().filter_map(usable).collect())
}

fn key(member: Value) -> Result<Key, InvalidKeys> {
    let jwk: Jwk = serde_json::from_value(member).map_err(InvalidKeys::Json)?;
    let common = &jwk.common;
    let for_signatures =
        common.public_key_use.as_ref().is_none_or(|r#use| *r#use == PublicKeyUse::Signature);
    let for_checking = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !for_signatures || !for_checking {
        return Err(InvalidKeys::NoKey);
    }
    let id = common.key_id.as_deref();
    let key = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => {
            Key::new(id, Algorithm::EdDsa, &decode(&point.x)?)?
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            let (x, y) = (decode(&point.x)?, decode(&point.y)?);
            if x.len() != COORDINATE_BYTES || y.len() != COORDINATE_BYTES {
                return Err(InvalidKeys::NotAKey);
            }
            // 4: both coordinates follow (SEC 1, section 2.3.3).
            Key::new(id, Algorithm::Es256, &[&[4], &*x, &*y].concat())?
        }
        AlgorithmParameters::RSA(rsa) => Key::rsa(id, &decode(&rsa.n)?, &decode(&rsa.e)?)?,
        _ => return Err(InvalidKeys::NoKey),
    };
    let named = match key.algorithm() {
        Algorithm::EdDsa => KeyAlgorithm::EdDSA,
        Algorithm::Es256 => KeyAlgorithm::ES256,
        Algorithm::Rs256 => KeyAlgorithm::RS256,
    };
    if common.key_algorithm.is_some_and(|algorithm| algorithm != named) {
        return Err(InvalidKeys::NoKey);
    }
    Ok(key)
}

fn decode(part: &str) -> Result<Vec<u8>, InvalidKeys> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidKeys::NotAKey)
}
