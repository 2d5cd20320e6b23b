//! Tokens that must not be taken, each refused for its own reason and all in the same words.

use std::convert::Infallible;

use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::super::{AuthLayer, Policy, Rejection, bearer};
use super::*;

/// What is sent as `authorization`, and why it is refused.
type Row = (&'static str, Rejection, Vec<String>);

fn row(name: &'static str, reason: Rejection, token: impl AsRef<str>) -> Row {
    (name, reason, vec![format!("Bearer {}", token.as_ref())])
}

/// A token that the issuer has signed, with this header.
fn header_row(name: &'static str, reason: Rejection, members: Value) -> Row {
    let header = with(header("EdDSA"), members).to_string();
    row(name, reason, signed(&GOOD, "EdDSA", &header, &claims().to_string()))
}

/// A token that the issuer has signed, with these claims.
fn claims_row(name: &'static str, reason: Rejection, members: Value) -> Row {
    row(name, reason, token_with(members))
}

/// The parts of a good token.
fn parts(algorithm: &str) -> [String; 3] {
    let token = signed(&GOOD, algorithm, &header(algorithm).to_string(), &claims().to_string());
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn algorithms() -> Vec<Row> {
    let claims = claims().to_string();
    let unsigned = |name: &str| {
        let header = with(header("EdDSA"), json!({ "alg": name })).to_string();
        format!("{}.{}.", b64(header), b64(&claims))
    };
    let mac = |secret: Vec<u8>, id: &str| {
        let header = json!({ "alg": "HS256", "kid": id }).to_string();
        authenticated(&secret, &header, &claims)
    };
    // Signed by the issuer with one key, naming another of its keys.
    let swapped = |algorithm: &str, id: &str| {
        let header = json!({ "alg": algorithm, "kid": id }).to_string();
        signed(&GOOD, algorithm, &header, &claims)
    };
    let lying = |alg: &str, id: &str, signed_as: &str| {
        signed(&GOOD, signed_as, &json!({ "alg": alg, "kid": id }).to_string(), &claims)
    };
    let raw = |alg: &str| mac(GOOD.der(alg)[GOOD.der(alg).len() - 32..].to_vec(), "eddsa");
    use Rejection::Algorithm;
    vec![
        row("alg none", Algorithm, unsigned("none")),
        row("alg None", Algorithm, unsigned("None")),
        row("alg NONE", Algorithm, unsigned("NONE")),
        row("alg nOnE", Algorithm, unsigned("nOnE")),
        row("alg none with a space", Algorithm, unsigned("none ")),
        row("alg empty", Algorithm, unsigned("")),
        row("alg of the key, no signature", Rejection::Signature, unsigned("EdDSA")),
        row("alg in lower case", Algorithm, swapped_name("eddsa")),
        row("alg null", Algorithm, swapped_value(Value::Null)),
        row("alg a list", Algorithm, swapped_value(json!(["EdDSA"]))),
        header_row("alg missing", Algorithm, json!({ "alg": null })),
        row(
            "HS256 with the RSA key's PEM",
            Algorithm,
            mac(GOOD.pem("RS256").into_bytes(), "rs256"),
        ),
        row("HS256 with the RSA key's DER", Algorithm, mac(GOOD.der("RS256"), "rs256")),
        row("HS256 with the EC key's PEM", Algorithm, mac(GOOD.pem("ES256").into_bytes(), "es256")),
        row("HS256 with the EC key's DER", Algorithm, mac(GOOD.der("ES256"), "es256")),
        row(
            "HS256 with the Ed25519 key's PEM",
            Algorithm,
            mac(GOOD.pem("EdDSA").into_bytes(), "eddsa"),
        ),
        row("HS256 with the Ed25519 key's bytes", Algorithm, raw("EdDSA")),
        row("RS256 with the id of the ES256 key", Algorithm, swapped("RS256", "es256")),
        row("RS256 with the id of the EdDSA key", Algorithm, swapped("RS256", "eddsa")),
        row("ES256 with the id of the RS256 key", Algorithm, swapped("ES256", "rs256")),
        row("EdDSA with the id of the ES256 key", Algorithm, swapped("EdDSA", "es256")),
        row("ES384, which is not taken", Algorithm, lying("ES384", "es256", "ES256")),
        row("PS256 with the RSA key", Algorithm, lying("PS256", "rs256", "RS256")),
        row("RS512 with the RSA key", Algorithm, lying("RS512", "rs256", "RS256")),
        row("ES256 said, EdDSA signed", Rejection::Signature, lying("ES256", "es256", "EdDSA")),
        row("EdDSA said, ES256 signed", Rejection::Signature, lying("EdDSA", "eddsa", "ES256")),
    ]
}

fn swapped_name(name: &str) -> String {
    swapped_value(json!(name))
}

/// A token that the issuer has signed, with this `alg`.
fn swapped_value(alg: Value) -> String {
    let header = json!({ "kid": "eddsa", "alg": alg }).to_string();
    signed(&GOOD, "EdDSA", &header, &claims().to_string())
}

fn key_ids() -> Vec<Row> {
    use Rejection::{KeyId, KeyNotNamed, UnknownKey};
    vec![
        header_row("kid a path", UnknownKey, json!({ "kid": "../../../../../../dev/null" })),
        header_row("kid a path with a zero", UnknownKey, json!({ "kid": "eddsa\u{0}.pem" })),
        header_row("kid SQL", UnknownKey, json!({ "kid": "x' UNION SELECT 'eddsa'; --" })),
        header_row("kid a command", UnknownKey, json!({ "kid": "eddsa|id" })),
        header_row("kid in upper case", UnknownKey, json!({ "kid": "EDDSA" })),
        header_row("kid empty", KeyId, json!({ "kid": "" })),
        header_row("kid very long", KeyId, json!({ "kid": "e".repeat(257) })),
        header_row("kid a number", KeyId, json!({ "kid": 7 })),
        header_row("kid a list", KeyId, json!({ "kid": ["eddsa"] })),
        header_row("kid missing with several keys", KeyNotNamed, json!({ "kid": null })),
    ]
}

/// Tokens that bring their own key, or say where it is to be had.
fn own_keys() -> Vec<Row> {
    let own = |name: &'static str, members: Value| {
        let header = with(header("EdDSA"), members).to_string();
        row(name, Rejection::Signature, signed(&ATTACKER, "EdDSA", &header, &claims().to_string()))
    };
    let url = "https://attacker.example/keys";
    let plain = |algorithm: &'static str, name: &'static str| {
        let header = header(algorithm).to_string();
        row(
            name,
            Rejection::Signature,
            signed(&ATTACKER, algorithm, &header, &claims().to_string()),
        )
    };
    vec![
        plain("EdDSA", "EdDSA by another key"),
        plain("ES256", "ES256 by another key"),
        plain("RS256", "RS256 by another key"),
        own("jwk", json!({ "jwk": ATTACKER.jwk("EdDSA", "eddsa") })),
        own("jku", json!({ "jku": url })),
        own("x5u", json!({ "x5u": url })),
        own("x5c", json!({ "x5c": [STANDARD.encode(ATTACKER.der("EdDSA"))] })),
        own(
            "jku on the issuer's host",
            json!({ "jku": format!("{ISSUER}@attacker.example/keys") }),
        ),
    ]
}

fn headers() -> Vec<Row> {
    let raw = |name: &'static str, reason: Rejection, header: &str| {
        row(name, reason, signed(&GOOD, "EdDSA", header, &claims().to_string()))
    };
    let twice = r#"{"alg":"none","alg":"EdDSA","kid":"eddsa"}"#;
    let escaped = r#"{"alg":"EdDSA","kid":"eddsa","\u006bid":"eddsa"}"#;
    let unknown = r#"{"alg":"EdDSA","kid":"eddsa","x":1,"x":2}"#;
    vec![
        header_row("crit", Rejection::Critical, json!({ "crit": ["exp"] })),
        header_row("crit with b64", Rejection::Critical, json!({ "crit": ["b64"], "b64": false })),
        header_row("crit empty", Rejection::Critical, json!({ "crit": [] })),
        raw("crit null", Rejection::Critical, r#"{"alg":"EdDSA","kid":"eddsa","crit":null}"#),
        header_row("typ of a logout token", Rejection::Type, json!({ "typ": "logout+jwt" })),
        header_row("typ of a proof", Rejection::Type, json!({ "typ": "dpop+jwt" })),
        header_row("typ a number", Rejection::Type, json!({ "typ": 1 })),
        raw("a parameter twice", Rejection::Json, twice),
        raw("a parameter twice, once escaped", Rejection::Json, escaped),
        raw("an unknown parameter twice", Rejection::Json, unknown),
        raw("a header that is a list", Rejection::Json, r#"["EdDSA"]"#),
        raw("a header that is empty", Rejection::Json, ""),
        raw(
            "a header with something after it",
            Rejection::Json,
            r#"{"alg":"EdDSA","kid":"eddsa"}{}"#,
        ),
        raw(
            "a header that is not UTF-8 in meaning",
            Rejection::Json,
            r#"{"alg":"EdDSA","kid":"\ud800"}"#,
        ),
    ]
}

fn dates() -> Vec<Row> {
    use Rejection::{Claim, Expired, NotYetValid};
    let raw = |name: &'static str, reason: Rejection, exp: &str| {
        let claims =
            format!(r#"{{"iss":"{ISSUER}","sub":"gopher","aud":"{AUDIENCE}","exp":{exp}}}"#);
        row(name, reason, signed(&GOOD, "EdDSA", &header("EdDSA").to_string(), &claims))
    };
    vec![
        claims_row("exp missing", Claim("exp"), json!({ "exp": null })),
        claims_row("exp a text", Claim("exp"), json!({ "exp": (NOW + 600).to_string() })),
        claims_row("exp a list", Claim("exp"), json!({ "exp": [NOW + 600] })),
        claims_row("exp true", Claim("exp"), json!({ "exp": true })),
        claims_row("exp negative", Claim("exp"), json!({ "exp": -1 })),
        claims_row("exp in milliseconds", Claim("exp"), json!({ "exp": NOW * 1000 })),
        claims_row("exp the largest integer", Claim("exp"), json!({ "exp": u64::MAX })),
        raw("exp null", Claim("exp"), "null"),
        raw("exp a large float", Claim("exp"), "1e300"),
        raw("exp a float that overflows", Rejection::Json, "1e400"),
        raw("exp negative zero point", Claim("exp"), "-0.5"),
        raw("exp not a number", Rejection::Json, "NaN"),
        claims_row("exp past", Expired, json!({ "exp": NOW - 1 })),
        claims_row("exp this second", Expired, json!({ "exp": NOW })),
        claims_row("exp zero", Expired, json!({ "exp": 0 })),
        claims_row("nbf to come", NotYetValid, json!({ "nbf": NOW + 1 })),
        claims_row("nbf a text", Claim("nbf"), json!({ "nbf": "0" })),
        claims_row("nbf far to come", Claim("nbf"), json!({ "nbf": u64::MAX })),
    ]
}

fn others() -> Vec<Row> {
    use Rejection::{Audience, Claim, Issuer};
    let raw = |name: &'static str, claims: &str| {
        row(name, Rejection::Json, signed(&GOOD, "EdDSA", &header("EdDSA").to_string(), claims))
    };
    let good = claims().to_string();
    let twice = good.replace(r#""sub":"gopher""#, r#""sub":"gopher","sub":"admin""#);
    let exp_twice = good.replace(r#""exp""#, r#""exp":9999999999,"exp""#);
    let escaped = good.replace(r#""sub":"gopher""#, r#""sub":"gopher","s\u0075b":"admin""#);
    vec![
        claims_row("aud missing", Claim("aud"), json!({ "aud": null })),
        claims_row("aud of another", Audience, json!({ "aud": "accounts" })),
        claims_row("aud a list without ours", Audience, json!({ "aud": ["accounts", "CACHE"] })),
        claims_row("aud an empty list", Audience, json!({ "aud": [] })),
        claims_row("aud a list with a number", Claim("aud"), json!({ "aud": [AUDIENCE, 1] })),
        claims_row("aud an object", Claim("aud"), json!({ "aud": { AUDIENCE: true } })),
        claims_row("aud that contains ours", Audience, json!({ "aud": "cache movies" })),
        claims_row("iss missing", Claim("iss"), json!({ "iss": null })),
        claims_row("iss of another", Issuer, json!({ "iss": "https://attacker.example" })),
        claims_row("iss with a slash more", Issuer, json!({ "iss": format!("{ISSUER}/") })),
        claims_row(
            "iss a list with ours",
            Claim("iss"),
            json!({ "iss": [ISSUER, "https://attacker.example"] }),
        ),
        claims_row("sub missing", Claim("sub"), json!({ "sub": null })),
        claims_row("sub empty", Claim("sub"), json!({ "sub": "" })),
        claims_row("sub a number", Claim("sub"), json!({ "sub": 1 })),
        claims_row("roles an object", Claim("roles"), json!({ "roles": { "admin": true } })),
        claims_row("roles a list with a number", Claim("roles"), json!({ "roles": ["reader", 1] })),
        raw("sub twice", &twice),
        raw("exp twice", &exp_twice),
        raw("sub twice, once escaped", &escaped),
        raw("claims that are a text", r#""gopher""#),
        raw("claims with something after them", &format!("{good} x")),
        raw("claims nested without end", &"[".repeat(3000)),
    ]
}

fn signatures() -> Vec<Row> {
    use Rejection::Signature;
    let [header, claims, signature] = parts("EdDSA");
    let message = format!("{header}.{claims}");
    let other = token_with(json!({ "sub": "other" }));
    let other = other.rsplit('.').next().unwrap();
    let of = |name, bytes: &[u8]| row(name, Signature, format!("{message}.{}", b64(bytes)));
    let with_parts = |name, algorithm: &str, signature: &[u8]| {
        let [header, claims, _] = parts(algorithm);
        row(name, Signature, format!("{header}.{claims}.{}", b64(signature)))
    };
    let mut es_der = vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00];
    es_der.resize(8, 0);
    let admin = b64(with(super::claims(), json!({ "roles": ["admin"] })).to_string());
    let long_s: Vec<u8> = {
        // S plus the order of the group: a second spelling that RFC 8032, section 5.1.7, forbids.
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut bytes = URL_SAFE_NO_PAD.decode(&signature).unwrap();
        let mut carry = 0;
        for (byte, add) in bytes[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        bytes
    };
    vec![
        row("signature cut", Signature, format!("{message}.{}", &signature[..84])),
        row("signature empty", Signature, format!("{message}.")),
        row("signature of another token", Signature, format!("{message}.{other}")),
        row("claims exchanged", Signature, format!("{header}.{admin}.{signature}")),
        of("signature of zeros", &[0; 64]),
        of("signature with a second spelling of S", &long_s),
        with_parts("ES256 of zeros (CVE-2022-21449)", "ES256", &[0; 64]),
        with_parts("ES256 of zeros in DER", "ES256", &es_der),
        with_parts("ES256 empty", "ES256", &[]),
        with_parts("RS256 of zeros", "RS256", &[0; 256]),
        with_parts("RS256 of ones", "RS256", &[255; 256]),
    ]
}

fn forms() -> Vec<Row> {
    use Rejection::{Encoding, Missing, NotBearer, Parts, Several, TooLong};
    let [header, claims, signature] = parts("EdDSA");
    let message = format!("{header}.{claims}");
    let good = token();
    let as_is = |name: &'static str, reason, values: &[String]| (name, reason, values.to_vec());
    let padded = URL_SAFE.encode(URL_SAFE_NO_PAD.decode(&signature).unwrap());
    let mut spelled = signature.clone();
    // The last of 86 characters has four bits that mean nothing; base64 that ignores them has sixteen spellings of a token.
    let last = spelled.pop().unwrap();
    spelled.push(if last == 'A' { 'B' } else { char::from(last as u8 + 1) });
    vec![
        as_is("nothing", Missing, &[]),
        as_is("two of them", Several, &[format!("Bearer {good}"), format!("Bearer {good}")]),
        as_is("one good, one not", Several, &[format!("Bearer {good}"), "Basic eDp5".to_owned()]),
        as_is("two in one line", NotBearer, &[format!("Bearer {good}, Bearer {good}")]),
        as_is("no scheme", NotBearer, std::slice::from_ref(&good)),
        as_is("another scheme", NotBearer, &[format!("Basic {good}")]),
        as_is("a scheme and nothing", NotBearer, &["Bearer".to_owned()]),
        as_is("a scheme and spaces", NotBearer, &["Bearer   ".to_owned()]),
        as_is("a tab after the scheme", NotBearer, &[format!("Bearer\t{good}")]),
        as_is("a tab before the token", NotBearer, &[format!("Bearer \t{good}")]),
        as_is("a space after the token", NotBearer, &[format!("Bearer {good} ")]),
        as_is("a space before the scheme", NotBearer, &[format!(" Bearer {good}")]),
        row("a space inside", NotBearer, format!("{message}. {signature}")),
        row("quotes", Encoding, format!("\"{good}\"")),
        row("two parts", Parts, &message),
        row("four parts", Parts, format!("{good}.{signature}")),
        row("five parts, as an encrypted token has", Parts, format!("{header}....{signature}")),
        row("one part", Parts, "gopher"),
        row("dots", Rejection::Json, ".."),
        row("padding", Encoding, format!("{message}.{padded}")),
        row(
            "a character of base64 with + and /",
            Encoding,
            format!("{message}.+{}", &signature[1..]),
        ),
        row("a character beyond base64url", Encoding, format!("{message}.${}", &signature[1..])),
        row("bits that mean nothing", Encoding, format!("{message}.{spelled}")),
        row("something behind", Encoding, format!("{good}!")),
        row("more signature behind", Rejection::Signature, format!("{good}AAAA")),
        claims_row("a good token over 8 KiB", TooLong, json!({ "x": "x".repeat(6000) })),
        row("any text over 8 KiB", TooLong, "x".repeat(9000)),
    ]
}

fn every_row() -> Vec<Row> {
    let tables =
        [algorithms(), key_ids(), own_keys(), headers(), dates(), others(), signatures(), forms()];
    tables.concat()
}

fn request(authorization: &[String]) -> Request<()> {
    let mut request = Request::builder().uri("/a.B/Get").header("content-type", "application/grpc");
    for value in authorization {
        request = request.header("authorization", value);
    }
    request.body(()).unwrap()
}

/// The whole answer of a server, as text.
async fn answered(verifier: &Arc<Verifier>, authorization: &[String]) -> String {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let policy = Policy::builder().authenticated("/a.B/*").build().unwrap();
    let service = AuthLayer::new(verifier.clone(), policy).layer(inner);
    let response = service.oneshot(request(authorization)).await.unwrap();
    format!("{} {:?}", response.status(), response.headers())
}

#[tokio::test]
async fn every_forged_or_broken_token_is_refused_for_its_own_reason_and_in_the_same_words() {
    let verifier = Arc::new(verifier());
    let rows = every_row();
    assert!(rows.len() >= 24, "the table has {} rows", rows.len());
    let first = answered(&verifier, &[]).await;
    assert!(first.contains(r#""grpc-status": "16""#), "{first}");
    for (name, reason, authorization) in rows {
        let request = request(&authorization);
        let found = bearer::token(request.headers()).and_then(|token| verifier.check_bytes(token));
        assert_eq!(found.unwrap_err(), reason, "{name}");
        assert_eq!(answered(&verifier, &authorization).await, first, "{name}");
    }
    assert_eq!(verifier.known_tokens(), 0, "a bad token was kept");
}

#[test]
fn the_rows_have_different_names() {
    let mut names: Vec<_> = every_row().into_iter().map(|(name, ..)| name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[tokio::test]
async fn what_looks_unusual_and_is_right_is_taken() {
    let verifier = Arc::new(verifier());
    let claims = claims().to_string();
    let of = |header: Value| signed(&GOOD, "EdDSA", &header.to_string(), &claims);
    let base = || header("EdDSA");
    let each = |name: &str| signed(&GOOD, name, &header(name).to_string(), &claims);
    for (name, authorization) in [
        ("EdDSA", format!("Bearer {}", each("EdDSA"))),
        ("ES256", format!("Bearer {}", each("ES256"))),
        ("RS256", format!("Bearer {}", each("RS256"))),
        ("the scheme in lower case", format!("bearer {}", token())),
        ("the scheme in upper case", format!("BEARER {}", token())),
        ("spaces after the scheme", format!("Bearer   {}", token())),
        ("no typ", format!("Bearer {}", of(with(base(), json!({ "typ": null }))))),
        ("the typ of RFC 9068", format!("Bearer {}", of(with(base(), json!({ "typ": "at+JWT" }))))),
        (
            "a jku that is never asked",
            format!("Bearer {}", of(with(base(), json!({ "jku": "https://attacker.example" })))),
        ),
        (
            "a parameter that is not known",
            format!("Bearer {}", of(with(base(), json!({ "x": { "y": 1 } })))),
        ),
        ("exactly 8 KiB", format!("Bearer {}", of_exactly(8 * 1024))),
    ] {
        let answer = answered(&verifier, &[authorization]).await;
        assert!(!answer.contains("grpc-status"), "{name}: {answer}");
    }
}

/// A good token of this many bytes. Base64 has no text of 1 more than a multiple of 4, so the header has to give way as well.
fn of_exactly(bytes: usize) -> String {
    let token = |more: &str, filling: usize| {
        let header = with(header("EdDSA"), json!({ "x": more })).to_string();
        let claims = with(claims(), json!({ "x": "x".repeat(filling) })).to_string();
        signed(&GOOD, "EdDSA", &header, &claims)
    };
    let sizes = (5500..6000).flat_map(|filling| ["", "x"].map(|header| (header, filling)));
    let mut tokens = sizes.map(|(header, filling)| token(header, filling));
    tokens.find(|token| token.len() == bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_token_with_one_character_changed_is_never_taken(
        at in any::<prop::sample::Index>(),
        with in "[A-Za-z0-9_.-]",
    ) {
        static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);
        static TOKEN: LazyLock<String> = LazyLock::new(token);
        let at = at.index(TOKEN.len());
        let mut forged = TOKEN.clone();
        forged.replace_range(at..=at, &with);
        prop_assume!(forged != *TOKEN);
        prop_assert!(VERIFIER.check(&forged).is_err(), "{forged}");
    }

    #[test]
    fn no_text_makes_the_verifier_panic(text in "\\PC{0,200}(\\.\\PC{0,200}){0,3}") {
        static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);
        prop_assert!(VERIFIER.check(&text).is_err());
    }
}
