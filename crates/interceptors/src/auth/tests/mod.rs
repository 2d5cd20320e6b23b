//! An issuer, whoever would like to be one, and the tokens of both.

mod claims;
mod forged;
mod keys;
mod mint;
mod policy;
mod rotation;
mod service;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{KeySet, KeyStore, TokenRules, Verifier};

/// The second that it is in these tests.
const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "cache";

/// A key of each algorithm.
struct Keys {
    ed: Ed25519KeyPair,
    es: EcdsaKeyPair,
    rs: RsaKeyPair,
}

static GOOD: LazyLock<Keys> = LazyLock::new(Keys::generate);
static ATTACKER: LazyLock<Keys> = LazyLock::new(Keys::generate);

impl Keys {
    fn generate() -> Self {
        Self {
            ed: Ed25519KeyPair::generate().unwrap(),
            es: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            rs: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match algorithm {
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            "ES256" => self.es.sign(&random, message).unwrap().as_ref().to_vec(),
            "RS256" => {
                let mut signature = vec![0; self.rs.public_modulus_len()];
                self.rs.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            other => panic!("{other} is no algorithm"),
        }
    }

    fn jwk(&self, algorithm: &str, id: &str) -> Value {
        let mut jwk = match algorithm {
            "EdDSA" => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(self.ed.public_key()) }),
            "ES256" => {
                let (x, y) = self.es.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) })
            }
            "RS256" => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(self.rs.public_key());
                json!({ "kty": "RSA", "n": b64(parts.n), "e": b64(parts.e) })
            }
            other => panic!("{other} is no algorithm"),
        };
        jwk["alg"] = json!(algorithm);
        jwk["kid"] = json!(id);
        jwk["use"] = json!("sig");
        jwk
    }

    fn der(&self, algorithm: &str) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match algorithm {
            "EdDSA" => self.ed.public_key().as_der().unwrap(),
            "ES256" => self.es.public_key().as_der().unwrap(),
            "RS256" => self.rs.public_key().as_der().unwrap(),
            other => panic!("{other} is no algorithm"),
        };
        der.as_ref().to_vec()
    }

    fn pem(&self, algorithm: &str) -> String {
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(self.der(algorithm))
        )
    }
}

/// One key of each algorithm, with the algorithm's name in lower case as its id.
fn three_keys() -> Value {
    let keys = ["EdDSA", "ES256", "RS256"].map(|name| GOOD.jwk(name, &name.to_lowercase()));
    json!({ "keys": keys })
}

fn set(document: &Value) -> KeySet {
    KeySet::parse(document.to_string().as_bytes()).unwrap()
}

fn rules() -> TokenRules {
    TokenRules::new(ISSUER, ["movies", AUDIENCE]).unwrap()
}

/// A verifier whose clock is set by hand; it starts at [`NOW`].
fn verifier_of(keys: KeyStore) -> (Verifier, Arc<AtomicU64>) {
    verifier_by(keys, rules())
}

fn verifier_by(keys: KeyStore, rules: TokenRules) -> (Verifier, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = now.clone();
    let at = move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    (Verifier::new(keys, rules).with_clock(at), now)
}

fn verifier() -> Verifier {
    verifier_of(KeyStore::fixed(set(&three_keys()))).0
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn header(algorithm: &str) -> Value {
    json!({ "typ": "JWT", "alg": algorithm, "kid": algorithm.to_lowercase() })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "gopher",
        "aud": AUDIENCE,
        "nbf": NOW - 10,
        "iat": NOW - 10,
        "exp": NOW + 600,
        "roles": ["reader", "writer"],
    })
}

/// An object with these members set, or removed where they are null.
fn with(mut object: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// A token of exactly these texts, signed as `signer` signs with `algorithm`.
fn signed(signer: &Keys, algorithm: &str, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let signature = signer.sign(algorithm, message.as_bytes());
    format!("{message}.{}", b64(signature))
}

/// The same with a MAC, which is what `HS256` is.
fn authenticated(secret: &[u8], header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", b64(tag))
}

/// A good token with these claims.
fn token_with(members: Value) -> String {
    let claims = with(claims(), members).to_string();
    signed(&GOOD, "EdDSA", &header("EdDSA").to_string(), &claims)
}

fn token() -> String {
    token_with(json!({}))
}
