use serde_json::{Value, json};

use super::*;

/// An object with one field set to something else; null is as good as absent.
fn with(object: &Value, name: &str, value: &Value) -> Value {
    let mut object = object.clone();
    object[name] = value.clone();
    object
}

fn parse<T>(
    object: &Value,
    parse: fn(&Fields<'_>) -> Result<T, ServiceConfigError>,
) -> Result<T, ServiceConfigError> {
    parse(&Fields::new(object, "it").unwrap())
}

/// Each of the values is wrong for the field, and the message says which field that is.
fn rejects<T: std::fmt::Debug>(
    object: &Value,
    read: fn(&Fields<'_>) -> Result<T, ServiceConfigError>,
    rows: &[(&str, &str, &[Value])],
) {
    for (name, field, values) in rows {
        for value in *values {
            let error = parse(&with(object, name, value), read).unwrap_err();
            assert_eq!(error.field(), *field, "{name}: {value}");
            assert!(error.to_string().contains(&format!("{field} is ")), "{error}");
        }
    }
}

fn retry() -> Value {
    json!({
        "maxAttempts": 2,
        "initialBackoff": "2s",
        "maxBackoff": "10s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
    })
}

#[test]
fn a_retry_policy_is_read() {
    let policy = parse(&retry(), RetryPolicy::parse).unwrap();
    let expected = RetryPolicy {
        max_attempts: 2,
        initial_backoff: Duration::from_secs(2),
        max_backoff: Duration::from_secs(10),
        backoff_multiplier: 2.0,
        retryable_status_codes: vec![Code::Unavailable],
    };
    assert_eq!(policy, expected);
}

#[test]
fn more_than_five_attempts_are_five() {
    for (given, taken) in [(2, 2), (4, 4), (5, 5), (6, 5), (u32::MAX, 5)] {
        let object = with(&retry(), "maxAttempts", &json!(given));
        assert_eq!(parse(&object, RetryPolicy::parse).unwrap().max_attempts, taken);
        assert_eq!(parse(&object, HedgingPolicy::parse).unwrap().max_attempts, taken);
    }
}

#[test]
fn codes_are_names_in_any_case_or_numbers() {
    let given = json!(["unavailable", 14, "Cancelled", 0, "OK", 16, "dAtA_LoSs"]);
    let object = with(&retry(), "retryableStatusCodes", &given);
    let codes = parse(&object, RetryPolicy::parse).unwrap().retryable_status_codes;
    let kept = [Code::Unavailable, Code::Cancelled, Code::Unauthenticated, Code::DataLoss];
    assert_eq!(codes, kept);
}

#[test]
fn every_code_has_its_name() {
    for (number, name) in CODES.iter().enumerate() {
        let code = Code::from_i32(i32::try_from(number).unwrap());
        let spelled = format!("{code:?}");
        let same = name.replace('_', "");
        assert!(spelled.eq_ignore_ascii_case(&same), "{name} is {spelled}");
    }
}

#[test]
fn a_retry_policy_with_a_wrong_field_is_rejected() {
    let attempts = [json!(null), json!(-1), json!(0), json!(1), json!(2.5), json!("3"), json!([])];
    let times = [json!(null), json!("0s"), json!("0.0s"), json!("-1s"), json!("1m"), json!(1)];
    let factors = [json!(null), json!(0), json!(-0.5), json!("2"), json!({})];
    let lists = [json!(null), json!([]), json!("UNAVAILABLE"), json!(14)];
    let codes = [
        json!(["NOT_A_CODE"]),
        json!(["14"]),
        json!([17]),
        json!([-1]),
        json!([1.5]),
        json!([null]),
        json!([[14]]),
    ];
    rejects(
        &retry(),
        RetryPolicy::parse,
        &[
            ("maxAttempts", "it.maxAttempts", &attempts),
            ("initialBackoff", "it.initialBackoff", &times),
            ("maxBackoff", "it.maxBackoff", &times),
            ("backoffMultiplier", "it.backoffMultiplier", &factors),
            ("retryableStatusCodes", "it.retryableStatusCodes", &lists),
            ("retryableStatusCodes", "it.retryableStatusCodes[0]", &codes),
        ],
    );
}

#[test]
fn a_hedging_policy_needs_only_its_attempts() {
    let least = json!({ "maxAttempts": 4 });
    let expected = HedgingPolicy {
        max_attempts: 4,
        hedging_delay: Duration::ZERO,
        non_fatal_status_codes: Vec::new(),
    };
    assert_eq!(parse(&least, HedgingPolicy::parse), Ok(expected));
    let whole = json!({
        "maxAttempts": 4,
        "hedgingDelay": "0.5s",
        "nonFatalStatusCodes": ["UNAVAILABLE", "INTERNAL", "ABORTED"]
    });
    let expected = HedgingPolicy {
        max_attempts: 4,
        hedging_delay: Duration::from_millis(500),
        non_fatal_status_codes: vec![Code::Unavailable, Code::Internal, Code::Aborted],
    };
    assert_eq!(parse(&whole, HedgingPolicy::parse), Ok(expected));
    rejects(
        &whole,
        HedgingPolicy::parse,
        &[
            ("maxAttempts", "it.maxAttempts", &[json!(null), json!(1), json!("4")]),
            ("hedgingDelay", "it.hedgingDelay", &[json!("-1s"), json!(0.5)]),
            ("nonFatalStatusCodes", "it.nonFatalStatusCodes", &[json!({})]),
            ("nonFatalStatusCodes", "it.nonFatalStatusCodes[1]", &[json!([14, "NO"])]),
        ],
    );
}

#[test]
fn throttling_keeps_three_decimals() {
    for (ratio, kept) in [
        (0.1, 0.1),
        (0.5466, 0.546),
        (0.001, 0.001),
        (0.0019, 0.001),
        (1.005, 1.005),
        (2.0, 2.0),
        (1234.5678, 1234.567),
    ] {
        let object = json!({ "maxTokens": 1000, "tokenRatio": ratio });
        let expected = RetryThrottling { max_tokens: 1000, token_ratio: kept };
        assert_eq!(parse(&object, RetryThrottling::parse), Ok(expected));
    }
}

#[test]
fn throttling_with_a_wrong_field_is_rejected() {
    let tokens = [json!(null), json!(0), json!(-1), json!(1001), json!(10.5), json!("10")];
    let ratios = [json!(null), json!(0), json!(-0.1), json!(0.0009), json!("0.1")];
    rejects(
        &json!({ "maxTokens": 10, "tokenRatio": 0.1 }),
        RetryThrottling::parse,
        &[("maxTokens", "it.maxTokens", &tokens), ("tokenRatio", "it.tokenRatio", &ratios)],
    );
}
