use super::super::{InvalidRules, Rejection};
use super::*;

#[test]
fn the_identity_is_what_the_claims_say() {
    let identity = verifier().check(&token()).unwrap();
    assert_eq!((identity.subject(), identity.issuer()), ("gopher", ISSUER));
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["reader", "writer"]);
    assert!(identity.has_role("writer") && !identity.has_role("Writer") && !identity.has_role(""));
    assert_eq!(identity.expires_at().as_secs(), NOW + 600);
}

#[test]
fn neither_an_identity_nor_a_verifier_shows_a_token() {
    let (verifier, token) = (verifier(), token());
    let identity = verifier.check(&token).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for shown in [format!("{identity:?}"), format!("{verifier:?}")] {
        assert!(!shown.contains(signature) && !shown.contains("eyJ"), "{shown}");
    }
}

#[test]
fn an_audience_among_others_is_enough() {
    for audience in [json!("movies"), json!([AUDIENCE]), json!(["accounts", AUDIENCE])] {
        verifier().check(&token_with(json!({ "aud": audience }))).unwrap();
    }
}

#[test]
fn dates_may_have_fractions() {
    let token = token_with(json!({ "exp": NOW as f64 + 1.9, "nbf": NOW as f64 - 0.5 }));
    assert_eq!(verifier().check(&token).unwrap().expires_at().as_secs(), NOW + 1);
}

#[test]
fn a_token_may_be_valid_to_the_last_second_of_the_year_9999() {
    let (verifier, token) = (verifier(), token_with(json!({ "exp": 253_402_300_799_u64 })));
    verifier.check(&token).unwrap();
    verifier.check(&token).unwrap();
    assert_eq!(verifier.signature_checks(), 1);
}

#[test]
fn roles_are_a_list_or_one_text_with_spaces() {
    let roles = |rules: TokenRules, members| {
        let (verifier, _) = verifier_by(KeyStore::fixed(set(&three_keys())), rules);
        let identity = verifier.check(&token_with(members)).unwrap();
        identity.roles().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(roles(rules(), json!({ "roles": "a b  c" })), ["a", "b", "c"]);
    assert_eq!(roles(rules(), json!({ "roles": ["a b", "c"] })), ["a b", "c"]);
    assert!(roles(rules(), json!({ "roles": null })).is_empty());
    assert!(roles(rules(), json!({ "roles": "" })).is_empty());
    let scope = || rules().with_roles_claim("scope");
    assert_eq!(roles(scope(), json!({ "scope": "read write" })), ["read", "write"]);
    assert!(roles(scope(), json!({})).is_empty(), "the claim that is not asked for counts");
}

#[test]
fn the_leeway_holds_for_both_ends_to_the_second() {
    let rules = rules().with_leeway(Duration::from_secs(30)).unwrap();
    let (verifier, _) = verifier_by(KeyStore::fixed(set(&three_keys())), rules);
    for (members, expected) in [
        (json!({ "exp": NOW - 29 }), None),
        (json!({ "exp": NOW - 30 }), Some(Rejection::Expired)),
        (json!({ "nbf": NOW + 30 }), None),
        (json!({ "nbf": NOW + 31 }), Some(Rejection::NotYetValid)),
    ] {
        assert_eq!(verifier.check(&token_with(members.clone())).err(), expected, "{members}");
    }
}

#[test]
fn a_leeway_of_more_than_30_s_is_refused_when_it_is_set() {
    for (leeway, expected) in [
        (Duration::from_secs(30), None),
        (Duration::from_millis(30_001), Some(Duration::from_millis(30_001))),
        (Duration::from_secs(60), Some(Duration::from_secs(60))),
    ] {
        assert_eq!(rules().with_leeway(leeway).err(), expected.map(InvalidRules::Leeway));
    }
}

#[test]
fn rules_without_an_issuer_or_an_audience_are_refused() {
    assert_eq!(TokenRules::new("", [AUDIENCE]).unwrap_err(), InvalidRules::NoIssuer);
    assert_eq!(TokenRules::new(ISSUER, [""; 0]).unwrap_err(), InvalidRules::NoAudience);
    assert_eq!(TokenRules::new(ISSUER, [AUDIENCE, ""]).unwrap_err(), InvalidRules::NoAudience);
}

#[test]
fn a_known_token_costs_no_signature_check() {
    let verifier = verifier();
    let (one, two) = (token(), token_with(json!({ "sub": "other" })));
    for _ in 0..100 {
        assert_eq!(verifier.check(&one).unwrap().subject(), "gopher");
        assert_eq!(verifier.check(&two).unwrap().subject(), "other");
    }
    assert_eq!((verifier.signature_checks(), verifier.known_tokens()), (2, 2));
}

#[test]
fn a_known_token_ends_when_it_expires() {
    let (verifier, now) = verifier_of(KeyStore::fixed(set(&three_keys())));
    let token = token();
    verifier.check(&token).unwrap();
    now.store(NOW + 599, Ordering::Relaxed);
    verifier.check(&token).unwrap();
    assert_eq!(verifier.signature_checks(), 1);
    now.store(NOW + 600, Ordering::Relaxed);
    assert_eq!(verifier.check(&token).unwrap_err(), Rejection::Expired);
}

#[test]
fn tokens_that_are_bad_for_another_reason_cost_no_signature_check() {
    let verifier = verifier();
    for members in [json!({ "exp": NOW - 1 }), json!({ "aud": "accounts" }), json!({ "iss": "x" })]
    {
        verifier.check(&token_with(members)).unwrap_err();
    }
    assert_eq!(verifier.signature_checks(), 0);
}

#[test]
fn the_known_tokens_are_bounded() {
    let verifier = verifier().with_known_tokens(16);
    for number in 0..200 {
        verifier.check(&token_with(json!({ "sub": number.to_string() }))).unwrap();
    }
    assert!(verifier.known_tokens() <= 16, "{}", verifier.known_tokens());
}

#[test]
fn tokens_that_are_kept_in_one_place_are_not_taken_for_each_other() {
    let verifier = verifier();
    // More than there are places for those that were last seen.
    let subjects: Vec<_> = (0..600).map(|number| format!("subject-{number}")).collect();
    let tokens: Vec<_> =
        subjects.iter().map(|subject| token_with(json!({ "sub": subject }))).collect();
    for round in 1..=3 {
        for (token, subject) in tokens.iter().zip(&subjects) {
            assert_eq!(verifier.check(token).unwrap().subject(), subject, "round {round}");
        }
    }
}
