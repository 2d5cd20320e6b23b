use super::super::{Claims, KeySet, KeyStore, Rejection, SigningKey, TokenRules, Verifier, mint};
use super::*;

fn verifier_for(document: &str) -> Verifier {
    Verifier::new(KeyStore::fixed(KeySet::parse(document.as_bytes()).unwrap()), rules())
}

fn claims() -> Claims {
    Claims::new(ISSUER, "gopher", [AUDIENCE]).roles(["admin"])
}

#[test]
fn a_minted_token_is_taken_by_whoever_has_the_public_key_in_either_form() {
    let plain = SigningKey::generate().unwrap();
    let pem = plain.public_pem().unwrap();
    let named = SigningKey::from_pem(plain.private_pem().as_bytes()).unwrap().with_id("dev");
    for (key, document) in [
        (&plain, &pem),
        (&plain, &plain.public_jwks()),
        (&named, &named.public_jwks()),
        (&named, &pem),
    ] {
        let identity = verifier_for(document).check(&mint(key, &claims()).unwrap()).unwrap();
        assert_eq!((identity.subject(), identity.has_role("admin")), ("gopher", true));
    }
}

#[test]
fn a_minted_token_names_its_key() {
    let key = SigningKey::generate().unwrap().with_id("dev");
    let mut both: Value = serde_json::from_str(&key.public_jwks()).unwrap();
    both["keys"].as_array_mut().unwrap().push(GOOD.jwk("EdDSA", "other"));
    verifier_for(&both.to_string()).check(&mint(&key, &claims()).unwrap()).unwrap();
}

#[test]
fn a_token_of_another_key_is_not_taken() {
    let (one, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let token = mint(&other, &claims()).unwrap();
    assert_eq!(verifier_for(&one.public_jwks()).check(&token).unwrap_err(), Rejection::Signature);
}

#[test]
fn a_minted_token_ends_after_its_lifetime() {
    let key = SigningKey::generate().unwrap();
    let token = mint(&key, &claims().lifetime(Duration::ZERO)).unwrap();
    assert_eq!(verifier_for(&key.public_jwks()).check(&token).unwrap_err(), Rejection::Expired);
}

#[test]
fn the_pem_is_that_of_rfc_7468_and_the_private_key_is_not_shown() {
    let key = SigningKey::generate().unwrap().with_id("dev");
    let pem = key.private_pem();
    assert!(
        pem.starts_with("-----BEGIN PRIVATE KEY-----\n")
            && pem.ends_with("-----END PRIVATE KEY-----\n")
    );
    assert!(pem.lines().all(|line| line.len() <= 64));
    assert_eq!(format!("{key:?}"), r#"SigningKey { id: Some("dev"), .. }"#);
    assert!(KeySet::parse(pem.as_bytes()).is_err(), "a server takes a private key");
    assert!(SigningKey::from_pem(key.public_pem().unwrap().as_bytes()).is_err());
    assert!(SigningKey::from_pem(b"").is_err());
}

#[test]
fn a_long_key_is_broken_into_lines() {
    let text = super::super::mint::pem("PUBLIC KEY", &[7; 100]);
    let lengths: Vec<_> = text.lines().map(str::len).collect();
    assert_eq!(lengths, [26, 64, 64, 8, 24]);
}

#[test]
fn rules_and_claims_meet_in_the_default_claim() {
    let key = SigningKey::generate().unwrap();
    let keys = KeyStore::fixed(KeySet::parse(key.public_jwks().as_bytes()).unwrap());
    let rules = TokenRules::new(ISSUER, [AUDIENCE]).unwrap();
    assert!(
        Verifier::new(keys, rules)
            .check(&mint(&key, &claims()).unwrap())
            .unwrap()
            .has_role("admin")
    );
}
