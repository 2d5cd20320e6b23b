use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use tokio::time::Duration;

use super::*;
use crate::resolver::ChooseServiceConfig as _;

fn parse(text: &str) -> Result<ServiceConfig, ServiceConfigError> {
    text.parse()
}

/// A config for the method `/foo/Bar` with these settings.
fn for_bar(settings: &Value) -> String {
    let mut entry = json!({ "name": [{ "service": "foo", "method": "Bar" }] });
    entry.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    json!({ "methodConfig": [entry] }).to_string()
}

/// TestParseWaitForReady, TestParseTimeOut, TestParseMsgSize and TestParseDefaultMethodConfig of grpc-go.
#[test]
fn the_settings_of_a_method_are_read() {
    let nothing = MethodConfig::default;
    for (settings, expected) in [
        (json!({}), nothing()),
        (json!({ "waitForReady": true }), MethodConfig { wait_for_ready: Some(true), ..nothing() }),
        (
            json!({ "waitForReady": false }),
            MethodConfig { wait_for_ready: Some(false), ..nothing() },
        ),
        (
            json!({ "timeout": "1s" }),
            MethodConfig { timeout: Some(Duration::from_secs(1)), ..nothing() },
        ),
        (json!({ "timeout": "0s" }), MethodConfig { timeout: Some(Duration::ZERO), ..nothing() }),
        (
            json!({ "maxRequestMessageBytes": 1024, "maxResponseMessageBytes": "2048" }),
            MethodConfig {
                max_request_message_bytes: Some(1024),
                max_response_message_bytes: Some(2048),
                ..nothing()
            },
        ),
        (
            json!({ "maxRequestMessageBytes": 0 }),
            MethodConfig { max_request_message_bytes: Some(0), ..nothing() },
        ),
    ] {
        let config = parse(&for_bar(&settings)).unwrap();
        assert_eq!(config.method("/foo/Bar"), Some(&expected), "{settings}");
        assert_eq!(config.method("/foo/Baz"), None, "{settings}");
    }
    for name in [json!({}), json!({ "service": null }), json!({ "service": "" })] {
        let text = json!({ "methodConfig": [{ "name": [name], "waitForReady": true }] });
        let config = parse(&text.to_string()).unwrap();
        assert_eq!(config.method("/foo/Bar").unwrap().wait_for_ready, Some(true));
    }
}

#[test]
fn a_wrong_setting_of_a_method_is_named() {
    let retry = json!({
        "maxAttempts": 2,
        "initialBackoff": "2s",
        "maxBackoff": "10s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
    });
    for (settings, field) in [
        (json!({ "waitForReady": "true" }), "waitForReady"),
        (json!({ "timeout": "3c" }), "timeout"),
        (json!({ "timeout": 3 }), "timeout"),
        (json!({ "timeout": "-1s" }), "timeout"),
        (json!({ "maxRequestMessageBytes": -1 }), "maxRequestMessageBytes"),
        (json!({ "maxResponseMessageBytes": 4_294_967_296_u64 }), "maxResponseMessageBytes"),
        (json!({ "retryPolicy": [] }), "retryPolicy"),
        (json!({ "retryPolicy": {} }), "retryPolicy.maxAttempts"),
        (json!({ "hedgingPolicy": {} }), "hedgingPolicy.maxAttempts"),
        (json!({ "retryPolicy": retry, "hedgingPolicy": { "maxAttempts": 2 } }), "hedgingPolicy"),
    ] {
        let error = parse(&for_bar(&settings)).unwrap_err();
        assert_eq!(error.field(), format!("methodConfig[0].{field}"), "{settings}");
        assert!(error.to_string().contains(error.field()), "{error}");
    }
    // What is for no method is checked as well: TestParseTimeOut's third row, and A21.
    let text = json!({ "methodConfig": [{ "timeout": "1s" }, { "timeout": "3c" }] }).to_string();
    assert_eq!(parse(&text).unwrap_err().field(), "methodConfig[1].timeout");
}

#[test]
fn both_policies_reach_their_methods() {
    let text = json!({ "methodConfig": [
        {
            "name": [{ "service": "foo" }],
            "retryPolicy": {
                "maxAttempts": 7,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 1.6,
                "retryableStatusCodes": [14]
            }
        },
        { "name": [{ "service": "foo", "method": "Read" }], "hedgingPolicy": { "maxAttempts": 3 } }
    ] });
    let config = parse(&text.to_string()).unwrap();
    assert_eq!(config.method("/foo/Bar").unwrap().retry_policy.as_ref().unwrap().max_attempts, 5);
    let read = config.method("/foo/Read").unwrap();
    assert_eq!(read.hedging_policy.as_ref().unwrap().max_attempts, 3);
    assert_eq!(read.retry_policy, None, "nothing is inherited from the service's entry");
}

/// TestParseLBConfig, TestParseNoLBConfigSupported and TestParseLoadBalancer of grpc-go; the names of the old field are read as Java and C++ do.
#[test]
fn the_policy_is_the_first_that_is_known_or_the_old_field() {
    for (config, expected) in [
        (json!({}), None),
        (
            json!({ "loadBalancingConfig": [{ "pick_first": { "shuffleAddressList": true } }] }),
            Some("pick_first"),
        ),
        (
            json!({ "loadBalancingConfig": [{ "not_a_balancer": {} }, { "nor_this": 5 }, { "round_robin": {} }, { "pick_first": {} }] }),
            Some("round_robin"),
        ),
        (
            json!({ "loadBalancingConfig": [{ "round_robin": {} }], "loadBalancingPolicy": "pick_first" }),
            Some("round_robin"),
        ),
        (
            json!({ "loadBalancingConfig": [{ "round_robin": {} }], "loadBalancingPolicy": "grpclb" }),
            Some("round_robin"),
        ),
        (
            json!({ "loadBalancingConfig": null, "loadBalancingPolicy": "round_robin" }),
            Some("round_robin"),
        ),
        (json!({ "loadBalancingPolicy": "ROUND_ROBIN" }), Some("round_robin")),
        (json!({ "loadBalancingPolicy": "Pick_First" }), Some("pick_first")),
        (json!({ "loadBalancingPolicy": "" }), None),
    ] {
        let parsed = parse(&config.to_string()).unwrap();
        assert_eq!(parsed.policy().map(|policy| policy.name()), expected, "{config}");
    }
    for (config, field) in [
        (
            json!({ "loadBalancingConfig": [{ "not_a_balancer1": {} }, { "not_a_balancer2": {} }] }),
            "loadBalancingConfig",
        ),
        (json!({ "loadBalancingConfig": [] }), "loadBalancingConfig"),
        (
            json!({ "loadBalancingConfig": [], "loadBalancingPolicy": "round_robin" }),
            "loadBalancingConfig",
        ),
        (json!({ "loadBalancingConfig": { "round_robin": {} } }), "loadBalancingConfig"),
        (
            json!({ "loadBalancingConfig": [{ "round_robin": {}, "pick_first": {} }] }),
            "loadBalancingConfig[0]",
        ),
        (
            json!({ "loadBalancingConfig": [{ "pick_first": { "shuffleAddressList": 1 } }] }),
            "loadBalancingConfig[0].pick_first.shuffleAddressList",
        ),
        (json!({ "loadBalancingPolicy": 1 }), "loadBalancingPolicy"),
        (
            json!({ "loadBalancingPolicy": 1, "loadBalancingConfig": [{ "round_robin": {} }] }),
            "loadBalancingPolicy",
        ),
        (json!({ "loadBalancingPolicy": "UnknownPolicy" }), "loadBalancingPolicy"),
    ] {
        assert_eq!(parse(&config.to_string()).unwrap_err().field(), field, "{config}");
    }
}

#[test]
fn what_is_for_the_whole_channel_is_read() {
    for (given, taken) in [(1, 1), (3, 3), (10, 10), (11, 10), (u32::MAX, 10)] {
        let text = json!({ "connectionScaling": { "maxConnectionsPerSubchannel": given } });
        assert_eq!(parse(&text.to_string()).unwrap().max_connections(), Some(taken));
    }
    for (config, service) in [
        (json!({ "healthCheckConfig": { "serviceName": "foo" } }), Some("foo")),
        (json!({ "healthCheckConfig": { "serviceName": "" } }), Some("")),
        (json!({ "healthCheckConfig": {} }), None),
        (json!({ "healthCheckConfig": null }), None),
    ] {
        let parsed = parse(&config.to_string()).unwrap();
        assert_eq!(parsed.health_check_service(), service, "{config}");
    }
    let config = parse(r#"{ "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1 } }"#).unwrap();
    let expected = RetryThrottling { max_tokens: 10, token_ratio: 0.1 };
    assert_eq!(config.retry_throttling(), Some(expected));
}

#[test]
fn an_empty_config_or_one_with_unknown_fields_only_is_valid() {
    let empty = ServiceConfig::default();
    for text in ["{}", " {\n} ", r#"{ "connectionScaling": {}, "methodConfig": [] }"#] {
        assert_eq!(parse(text), Ok(empty.clone()), "{text}");
    }
    // A21 has an object for `methodConfig` in its example of this, where its own proto has a list.
    let unknown = r#"{ "UnknownField": "value", "retrythrottling": 1, "methodConfig": [{ "unknown": [], "name": [] }] }"#;
    assert_eq!(parse(unknown), Ok(empty.clone()));
    assert!(empty.policy().is_none() && empty.method("/foo/Bar").is_none());
    assert_eq!((empty.retry_throttling(), empty.max_connections()), (None, None));
}

#[test]
fn errors_name_the_field_and_the_remedy() {
    for (text, message) in [
        (
            "",
            "invalid service config: the text is not JSON: EOF while parsing a value at line 1 column 0",
        ),
        ("[]", "invalid service config: is not an object"),
        (
            r#"{ "methodConfig": [{ "waitForReady": fall }] }"#,
            "invalid service config: the text is not JSON: expected ident at line 1 column 41",
        ),
        (r#"{ "methodConfig": {} }"#, "invalid service config: methodConfig is not a list"),
        (
            r#"{ "methodConfig": [{ "timeout": "3c" }] }"#,
            "invalid service config: methodConfig[0].timeout is not a time in seconds with at most nine decimals, as \"1.5s\"",
        ),
        (
            r#"{ "retryThrottling": { "maxTokens": 0 } }"#,
            "invalid service config: retryThrottling.maxTokens is not a whole number from 1 to 1000",
        ),
        (
            r#"{ "retryThrottling": { "maxTokens": 10 } }"#,
            "invalid service config: retryThrottling.tokenRatio is missing or not a number from 0.001, as 0.1",
        ),
        (
            r#"{ "connectionScaling": { "maxConnectionsPerSubchannel": 0 } }"#,
            "invalid service config: connectionScaling.maxConnectionsPerSubchannel is 0, which allows no connection: give a whole number from 1 to 10",
        ),
        (
            r#"{ "healthCheckConfig": { "serviceName": 1 } }"#,
            "invalid service config: healthCheckConfig.serviceName is not a string",
        ),
        (
            r#"{ "methodConfig": [{ "name": [{}, {}] }] }"#,
            "invalid service config: methodConfig[0].name[1] has a name that stands before already: name each service or method only once",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn a_config_nested_without_end_is_an_error() {
    let text = format!("{{ \"loadBalancingConfig\": {}", "[".repeat(100_000));
    assert_eq!(parse(&text).unwrap_err().field(), "");
}

/// Any JSON, with names and values that mean something more often than not.
fn any_json() -> impl Strategy<Value = Value> {
    let names = "loadBalancingConfig loadBalancingPolicy pick_first round_robin shuffleAddressList methodConfig name service method timeout waitForReady \
        maxRequestMessageBytes maxResponseMessageBytes retryPolicy hedgingPolicy maxAttempts initialBackoff maxBackoff backoffMultiplier \
        retryableStatusCodes hedgingDelay nonFatalStatusCodes retryThrottling maxTokens tokenRatio healthCheckConfig serviceName connectionScaling \
        maxConnectionsPerSubchannel serviceConfig percentage clientLanguage clientHostname";
    let names = prop::sample::select(names.split_whitespace().collect::<Vec<_>>());
    let texts = ["", "1s", "0.1s", ".", "s", "UNAVAILABLE", "round_robin", "foo", "rust"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2..20_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let object = prop::collection::vec((names.clone(), inner.clone()), 0..6)
            .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)))
            .prop_map(|fields| Value::Object(fields.collect()));
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
            4 => object,
        ]
    })
}

/// A config with every field there is.
fn whole() -> Value {
    json!({
        "loadBalancingPolicy": "round_robin",
        "loadBalancingConfig": [{ "pick_first": { "shuffleAddressList": true } }],
        "methodConfig": [
            {
                "name": [{ "service": "foo", "method": "Bar" }],
                "timeout": "1s",
                "waitForReady": true,
                "maxRequestMessageBytes": 1024,
                "maxResponseMessageBytes": 2048,
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", 8]
                }
            },
            {
                "name": [{ "service": "bar" }],
                "hedgingPolicy": { "maxAttempts": 3, "hedgingDelay": "0.5s", "nonFatalStatusCodes": [14] }
            }
        ],
        "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1 },
        "healthCheckConfig": { "serviceName": "foo" },
        "connectionScaling": { "maxConnectionsPerSubchannel": 3 }
    })
}

/// The pointers to everything in a JSON value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), found));
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, rng_seed: RngSeed::Fixed(4), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>(), path in any::<String>()) {
        if let Ok(config) = parse(&text) {
            let _ = config.method(&path);
        }
        let _ = Chooser::new("host").choose(&[format!("grpc_config={text}")]);
    }

    #[test]
    fn no_json_panics(json in any_json(), path in any::<String>()) {
        if let Ok(config) = parse(&json.to_string()) {
            let _ = config.method(&path);
        }
        let _ = Chooser::new("host").choose(&[format!("grpc_config=[{json}]")]);
    }

    #[test]
    fn whatever_is_wrong_the_error_leads_there(place in any::<prop::sample::Index>(), json in any_json()) {
        let mut config = whole();
        prop_assert!(parse(&config.to_string()).is_ok());
        let mut places = Vec::new();
        pointers(&config, "", &mut places);
        let place = place.get(&places);
        *config.pointer_mut(place).unwrap() = json;
        if let Err(error) = parse(&config.to_string()) {
            let named = format!("/{}", error.field().replace('[', "/").replace(']', "").replace('.', "/"));
            let within = |inner: &str, outer: &str| {
                inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let leads = error.field().is_empty() || within(&named, place) || within(place, &named);
            prop_assert!(leads, "{} is not about {}", error, place);
            prop_assert_eq!(error.field().is_empty(), !config.is_object(), "{}", error);
        }
    }
}
