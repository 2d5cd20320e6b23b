use aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;

use super::super::{Algorithm, InvalidKeys, MAX_DOCUMENT_BYTES, MAX_KEYS, Rejection};
use super::*;

fn parsed(document: impl AsRef<[u8]>) -> Result<usize, String> {
    KeySet::parse(document.as_ref()).map(|keys| keys.count()).map_err(|error| error.to_string())
}

fn jwks(keys: impl IntoIterator<Item = Value>) -> String {
    json!({ "keys": keys.into_iter().collect::<Vec<_>>() }).to_string()
}

#[test]
fn sets_single_keys_and_pem_are_read() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let jwk = GOOD.jwk(algorithm, "a");
        for document in [jwks([jwk.clone()]), format!("\n {jwk}"), GOOD.pem(algorithm)] {
            let keys = KeySet::parse(document.as_bytes()).unwrap();
            let key = keys.find(None).unwrap();
            assert_eq!((key.algorithm().name(), keys.count()), (algorithm, 1));
        }
    }
}

#[test]
fn the_type_of_a_key_says_its_algorithm_and_alg_may_not_contradict() {
    for (algorithm, other) in
        [("EdDSA", "ES256"), ("ES256", "EdDSA"), ("RS256", "RS512"), ("RS256", "PS256")]
    {
        let key = GOOD.jwk(algorithm, "a");
        assert_eq!(parsed(jwks([with(key.clone(), json!({ "alg": null }))])), Ok(1));
        let error = parsed(jwks([with(key, json!({ "alg": other }))])).unwrap_err();
        assert_eq!(error, InvalidKeys::NoKey.to_string(), "{algorithm} as {other}");
    }
}

#[test]
fn keys_that_are_not_for_this_are_left_out() {
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let (x, y) = p384.public_key().as_ref()[1..].split_at(48);
    let ed = GOOD.jwk("EdDSA", "b");
    // The right bytes, cut in the wrong place.
    let (short, long) = GOOD.es.public_key().as_ref()[1..].split_at(31);
    for other in [
        json!({ "kty": "EC", "crv": "P-384", "x": b64(x), "y": b64(y), "kid": "a" }),
        json!({ "kty": "oct", "k": b64("secret"), "kid": "a" }),
        json!({ "kty": "LWE", "kid": "a" }),
        json!({ "kid": "a" }),
        json!("not a key"),
        with(ed.clone(), json!({ "use": "enc", "kid": "a" })),
        with(ed.clone(), json!({ "key_ops": ["deriveKey"], "kid": "a" })),
        with(ed.clone(), json!({ "x": b64([1; 31]), "kid": "a" })),
        with(ed.clone(), json!({ "x": "+/+/", "kid": "a" })),
        with(ed.clone(), json!({ "kid": "" })),
        with(ed.clone(), json!({ "kid": "a".repeat(257) })),
        with(GOOD.jwk("ES256", "a"), json!({ "y": b64([1; 32]) })),
        with(GOOD.jwk("ES256", "a"), json!({ "x": b64(short), "y": b64(long) })),
        with(GOOD.jwk("RS256", "a"), json!({ "n": b64([0xff; 128]) })),
        with(GOOD.jwk("RS256", "a"), json!({ "e": b64([1]) })),
    ] {
        assert_eq!(parsed(jwks([other.clone(), ed.clone()])), Ok(1), "{other}");
        assert_eq!(parsed(jwks([other])).unwrap_err(), InvalidKeys::NoKey.to_string());
    }
}

#[test]
fn a_key_for_checking_is_one_whose_operations_say_so() {
    assert_eq!(
        parsed(jwks([with(GOOD.jwk("EdDSA", "a"), json!({ "key_ops": ["verify"] }))])),
        Ok(1)
    );
}

#[test]
fn documents_that_cannot_be_meant_are_refused_whole() {
    let ed = || GOOD.jwk("EdDSA", "a");
    let many = |count: usize| jwks((0..count).map(|number| GOOD.jwk("EdDSA", &number.to_string())));
    assert_eq!(parsed(many(MAX_KEYS)), Ok(MAX_KEYS));
    let private = with(GOOD.jwk("EdDSA", "b"), json!({ "d": b64([1; 32]) }));
    let pem = GOOD.pem("EdDSA");
    let private_pem = pem.replace("PUBLIC", "PRIVATE");
    for (document, expected) in [
        (many(MAX_KEYS + 1), InvalidKeys::TooMany),
        (" ".repeat(MAX_DOCUMENT_BYTES + 1), InvalidKeys::TooLarge),
        (jwks([ed(), private]), InvalidKeys::Private),
        (jwks([ed(), GOOD.jwk("ES256", "a")]), InvalidKeys::SameId),
        (jwks([]), InvalidKeys::NoKey),
        ("{}".to_owned(), InvalidKeys::NotJwks),
        (r#"{"keys":{}}"#.to_owned(), InvalidKeys::NotJwks),
        (String::new(), InvalidKeys::NoKey),
        ("<html>".to_owned(), InvalidKeys::NoKey),
        (private_pem, InvalidKeys::NoKey),
        (pem.replace("MCow", "MCov"), InvalidKeys::NotAKey),
        (format!("{pem}{pem}"), InvalidKeys::SeveralPem),
    ] {
        assert_eq!(parsed(document).unwrap_err(), expected.to_string());
    }
    assert!(matches!(KeySet::parse(b"{\"keys\":["), Err(InvalidKeys::Json(_))));
}

#[test]
fn pem_of_another_curve_or_a_short_rsa_key_is_refused() {
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let der: PublicKeyX509Der<'_> = p384.public_key().as_der().unwrap();
    let short =
        RsaPublicKeyComponents { n: [&[0xff], &[0x55; 127][..]].concat(), e: vec![1, 0, 1] };
    let short: PublicKeyX509Der<'_> = short.as_der().unwrap();
    for der in [der.as_ref(), short.as_ref()] {
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        );
        assert_eq!(parsed(pem).unwrap_err(), InvalidKeys::NotAKey.to_string());
    }
}

#[test]
fn a_key_is_found_by_its_id_or_by_being_the_only_one() {
    let two = set(&json!({ "keys": [GOOD.jwk("EdDSA", "a"), GOOD.jwk("ES256", "b")] }));
    let one = set(&json!({ "keys": [GOOD.jwk("EdDSA", "a")] }));
    let pem = KeySet::parse(GOOD.pem("EdDSA").as_bytes()).unwrap();
    let found = |keys: &KeySet, id| keys.find(id).map(|key| key.algorithm());
    assert_eq!(found(&two, Some("a")), Ok(Algorithm::EdDsa));
    assert_eq!(found(&two, Some("b")), Ok(Algorithm::Es256));
    assert_eq!(found(&two, Some("c")), Err(Rejection::UnknownKey));
    assert_eq!(found(&two, None), Err(Rejection::KeyNotNamed));
    assert_eq!(found(&one, None), Ok(Algorithm::EdDsa));
    assert_eq!(found(&one, Some("b")), Err(Rejection::UnknownKey));
    assert_eq!(found(&pem, None), Ok(Algorithm::EdDsa));
    assert_eq!(found(&pem, Some("anything")), Ok(Algorithm::EdDsa));
}

#[test]
fn a_key_stays_itself_when_a_document_has_it_again() {
    let old = set(&json!({ "keys": [GOOD.jwk("EdDSA", "a"), GOOD.jwk("ES256", "b")] }));
    // Another order, another key under an id that was there, and one that was not.
    let new = json!({ "keys": [ATTACKER.jwk("ES256", "b"), GOOD.jwk("RS256", "c"), GOOD.jwk("EdDSA", "a")] });
    let new = set(&new).replacing(&old);
    assert!(new.holds(old.find(Some("a")).unwrap()) && !new.holds(old.find(Some("b")).unwrap()));
    assert!(!new.is_same(&old));
    assert!(set(&three_keys()).replacing(&set(&three_keys())).count() == 3);
    assert!(old.clone().replacing(&old).is_same(&old));
}
