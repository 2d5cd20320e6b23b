//! Settings: A50's defaults, and what is rejected.

use serde_json::json;

use super::super::Config;
use super::super::config::{Common, FailurePercentage, SuccessRate};
use super::*;
use crate::policy::round_robin;

#[test]
fn defaults_are_those_of_a50() {
    let common =
        |request_volume| Common { enforcement_percentage: 100, minimum_hosts: 5, request_volume };
    let expected = Config {
        interval: Duration::from_secs(10),
        base_ejection_time: Duration::from_secs(30),
        max_ejection_time: Duration::from_secs(300),
        max_ejection_percent: 10,
        success_rate: Some(SuccessRate { stdev_factor: 1900, common: common(100) }),
        failure_percentage: Some(FailurePercentage { threshold: 85, common: common(50) }),
        child: Box::new(PolicyConfig::RoundRobin(round_robin::Config)),
    };
    let both = json!({ "successRateEjection": {}, "failurePercentageEjection": {} });
    assert_eq!(config(both), PolicyConfig::OutlierDetection(expected.clone()));
    let neither = Config { success_rate: None, failure_percentage: None, ..expected };
    assert_eq!(config(json!({})), PolicyConfig::OutlierDetection(neither));
}

#[test]
fn both_names_are_the_same_policy() {
    let list = |name: &str| {
        let policy = json!({ name: { "childPolicy": [{ "round_robin": {} }] } });
        PolicyConfig::parse_list(&[(&policy, "list[0]".into())], "list").unwrap()
    };
    assert_eq!(list("outlier_detection"), list("outlier_detection_experimental"));
    assert_eq!(list("outlier_detection").name(), "outlier_detection_experimental");
}

#[test]
fn settings_out_of_range_are_rejected_by_name() {
    for (settings, field) in [
        (json!({ "interval": "-1s" }), "interval"),
        (json!({ "baseEjectionTime": "-1s" }), "baseEjectionTime"),
        (json!({ "maxEjectionTime": "300" }), "maxEjectionTime"),
        (json!({ "maxEjectionPercent": 101 }), "maxEjectionPercent"),
        (
            json!({ "successRateEjection": { "enforcementPercentage": 101 } }),
            "successRateEjection.enforcementPercentage",
        ),
        (
            json!({ "failurePercentageEjection": { "enforcementPercentage": 101 } }),
            "failurePercentageEjection.enforcementPercentage",
        ),
        (
            json!({ "failurePercentageEjection": { "threshold": 101 } }),
            "failurePercentageEjection.threshold",
        ),
        (json!({ "failurePercentageEjection": 7 }), "failurePercentageEjection"),
        (json!({ "childPolicy": [{ "unheard_of": {} }] }), "childPolicy"),
    ] {
        let mut complete = json!({ "childPolicy": [{ "round_robin": {} }] });
        complete.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let policy = json!({ "outlier_detection": complete });
        let error = PolicyConfig::parse_list(&[(&policy, "list[0]".into())], "list").unwrap_err();
        assert_eq!(error.field(), format!("list[0].outlier_detection.{field}"), "{settings}");
    }
    let childless = json!({ "outlier_detection": {} });
    let error = PolicyConfig::parse_list(&[(&childless, "list[0]".into())], "list").unwrap_err();
    assert_eq!(error.field(), "list[0].outlier_detection.childPolicy");
}

#[test]
fn a_policy_can_be_updated_only_around_the_same_child() {
    let round_robin = config(json!({}));
    assert!(round_robin.same_kind(&config(json!({ "interval": "1s" }))));
    assert!(!round_robin.same_kind(&config(json!({ "childPolicy": [{ "pick_first": {} }] }))));
}

#[test]
fn an_interval_of_0_leaves_time_for_other_things() {
    let PolicyConfig::OutlierDetection(config) = config(json!({ "interval": "0s" })) else {
        panic!("not the policy that was asked for");
    };
    assert_eq!(config.interval, Duration::from_millis(1));
}
