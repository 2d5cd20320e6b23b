//! A service config that is published in DNS. Source: gRFC A2.

use serde_json::Value;
use xxhash_rust::xxh64::xxh64;

use super::{Fields, ServiceConfig, ServiceConfigError};
use crate::resolver::ChooseServiceConfig;

/// What a record with a service config begins with; others of the name are not ours.
const ATTRIBUTE: &str = "grpc_config";
const LANGUAGE: &str = "rust";

/// What a choice is made by: who this client is. Given to [`ResolverOptions`](crate::ResolverOptions::txt_service_config), it has service configs read from DNS.
///
/// ```
/// use std::sync::Arc;
/// use wayside_balance::service_config::Chooser;
/// use wayside_balance::{Channel, ResolverOptions};
///
/// let mut options = ResolverOptions::default();
/// options.txt_service_config = Some(Arc::new(Chooser::new("host-7.example")));
/// let builder = Channel::builder(&"dns:///greet.example:50051".parse()?).resolver_options(options);
/// # let _ = builder;
/// # Ok::<_, wayside_balance::TargetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chooser {
    hostname: String,
    seed: u64,
}

impl Chooser {
    /// A client on the host of that name, as its system has it. One for the whole life of a channel: it is among the first so many per cent or it is not.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self { hostname: hostname.into(), seed: fastrand::u64(..) }
    }

    /// Whether this client is among so many per cent.
    ///
    /// Not drawn anew with each answer of the name server, as other stacks do: the config would go back and forth during a canary. Each choice of the
    /// list has its own draw, as otherwise a second choice of 50 % after a first one would never be taken.
    fn is_among(&self, per_cent: u32, choice: usize) -> bool {
        let draw = xxh64(&(choice as u64).to_le_bytes(), self.seed) % 100;
        draw < u64::from(per_cent)
    }
}

impl ChooseServiceConfig for Chooser {
    fn choose(&self, records: &[String]) -> Option<Result<ServiceConfig, ServiceConfigError>> {
        from_txt(records.iter().map(String::as_str), self)
    }
}

/// The service config in the TXT records of `_grpc_config.<host>`, each record with its strings joined; `None` when there is none for this client.
fn from_txt<'a>(
    records: impl IntoIterator<Item = &'a str>,
    chooser: &Chooser,
) -> Option<Result<ServiceConfig, ServiceConfigError>> {
    let ours = |record: &'a str| record.strip_prefix(ATTRIBUTE)?.strip_prefix('=');
    let mut texts = records.into_iter().filter_map(ours);
    let text = texts.next()?;
    if texts.next().is_some() {
        // A name server gives records in any order, so that none of them is the first.
        let problem = "is in more than one TXT record: keep one of them";
        return Some(Err(ServiceConfigError::new(ATTRIBUTE, problem)));
    }
    choose(text, chooser).transpose()
}

/// The config of the first choice that is for this client.
fn choose(text: &str, chooser: &Chooser) -> Result<Option<ServiceConfig>, ServiceConfigError> {
    let invalid = |problem: String| ServiceConfigError::new(ATTRIBUTE, problem);
    let value: Value =
        serde_json::from_str(text).map_err(|error| invalid(format!("is not JSON: {error}")))?;
    let list = value.as_array().ok_or_else(|| invalid("is not a list of choices".to_owned()))?;
    // All choices are checked before one is taken, so that a mistake is seen everywhere; but of their configs only the one that is taken (A21).
    let choices = list
        .iter()
        .enumerate()
        .map(|(index, value)| Choice::parse(value, format!("{ATTRIBUTE}[{index}]")))
        .collect::<Result<Vec<_>, _>>()?;
    let chosen = choices.iter().enumerate().find(|(index, choice)| choice.is_for(chooser, *index));
    chosen.map(|(_, choice)| ServiceConfig::parse(choice.config, &choice.path)).transpose()
}

/// A config and whom it is for.
struct Choice<'a> {
    languages: Vec<&'a str>,
    hostnames: Vec<&'a str>,
    per_cent: u32,
    config: &'a Value,
    path: String,
}

impl<'a> Choice<'a> {
    fn parse(value: &'a Value, path: String) -> Result<Self, ServiceConfigError> {
        let fields = Fields::new(value, path)?;
        // Unlike anywhere else: a criterion that is not understood would choose too many clients.
        let known = ["clientLanguage", "percentage", "clientHostname", "serviceConfig"];
        if let Some(unknown) = fields.names().find(|name| !known.contains(name)) {
            let problem = format!("is not known: a choice has only {}", known.join(", "));
            return Err(fields.invalid(unknown, problem));
        }
        let config = fields.get("serviceConfig").filter(|config| config.is_object());
        Ok(Self {
            languages: strings(&fields, "clientLanguage")?,
            hostnames: strings(&fields, "clientHostname")?,
            per_cent: fields.integer("percentage", 0..=100)?.unwrap_or(100),
            config: config.ok_or_else(|| {
                fields.invalid("serviceConfig", "is missing or not an object: give one, as {}")
            })?,
            path: fields.at("serviceConfig"),
        })
    }

    fn is_for(&self, chooser: &Chooser, index: usize) -> bool {
        let any = |list: &[&str], is_it: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|name| is_it(name))
        };
        any(&self.languages, &|name| name.eq_ignore_ascii_case(LANGUAGE))
            && any(&self.hostnames, &|name| name == chooser.hostname)
            && chooser.is_among(self.per_cent, index)
    }
}

fn strings<'a>(fields: &Fields<'a>, name: &str) -> Result<Vec<&'a str>, ServiceConfigError> {
    let list = fields.list(name)?.unwrap_or_default();
    list.into_iter()
        .map(|(value, path)| {
            value.as_str().ok_or_else(|| ServiceConfigError::new(path, "is not a string"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is chosen from one record, by the timeout of every method in it.
    fn chosen(choices: &Value, chooser: &Chooser) -> Option<u64> {
        let record = format!("grpc_config={choices}");
        let config = from_txt(["v=spf1 -all", &record, "_grpc_config=["], chooser)?.unwrap();
        config.method("/any.Service/Method")?.timeout.map(|timeout| timeout.as_secs())
    }

    /// A config whose methods have that timeout.
    fn config(seconds: u64) -> Value {
        json!({ "methodConfig": [{ "name": [{}], "timeout": format!("{seconds}s") }] })
    }

    fn host(seed: u64) -> Chooser {
        Chooser { hostname: "greet-1".to_owned(), seed }
    }

    #[test]
    fn the_first_choice_that_is_for_this_client_is_taken() {
        let other = config(1);
        for (criteria, matches) in [
            (json!({}), true),
            (json!({ "clientLanguage": ["CPP", "JAVA"] }), false),
            (json!({ "clientLanguage": ["go", "Rust"] }), true),
            (json!({ "clientLanguage": [] }), true),
            (json!({ "percentage": 0 }), false),
            (json!({ "percentage": 100 }), true),
            (json!({ "percentage": null }), true),
            (json!({ "clientHostname": ["localhost"] }), false),
            (json!({ "clientHostname": ["localhost", "greet-1"] }), true),
            (json!({ "clientHostname": ["GREET-1"] }), false),
            (json!({ "clientHostname": [] }), true),
            (json!({ "clientHostname": ["greet-1"], "clientLanguage": ["go"] }), false),
            (json!({ "clientHostname": ["greet-1"], "percentage": 0 }), false),
        ] {
            let mut choice = criteria.clone();
            choice["serviceConfig"] = config(2);
            let last = json!({ "serviceConfig": other });
            let expected = if matches { 2 } else { 1 };
            assert_eq!(chosen(&json!([choice, last]), &host(7)), Some(expected), "{criteria}");
            assert_eq!(chosen(&json!([choice]), &host(7)), matches.then_some(2), "{criteria}");
        }
    }

    #[test]
    fn without_a_record_of_ours_there_is_no_config() {
        for records in
            [&[][..], &["v=spf1 -all"], &["grpc_config"], &["_grpc_config=[]"], &["grpc_config=[]"]]
        {
            assert_eq!(from_txt(records.iter().copied(), &host(7)), None, "{records:?}");
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let record = r#"grpc_config=[{"serviceConfig":{"loadBalancingPolicy":"round_robin","methodConfig":[{"name":[{"service":"MyService","method":"Foo"}],"waitForReady":true}]}}]"#;
        let config = from_txt([record], &Chooser::new("")).unwrap().unwrap();
        assert_eq!(config.method("/MyService/Foo").unwrap().wait_for_ready, Some(true));
        assert_eq!(config.policy().unwrap().name(), "round_robin");
    }

    #[test]
    fn percentages_are_shares_of_the_clients_and_each_choice_has_its_own() {
        let choices = json!([
            { "percentage": 30, "serviceConfig": config(0) },
            { "percentage": 50, "serviceConfig": config(1) },
            { "serviceConfig": config(2) },
        ]);
        let mut shares = [0_i32; 3];
        for seed in 0..10_000 {
            shares[usize::try_from(chosen(&choices, &host(seed)).unwrap()).unwrap()] += 1;
        }
        for (share, expected) in shares.iter().zip([3_000, 3_500, 3_500]) {
            assert!((share - expected).abs() < 200, "{shares:?}");
        }
    }

    #[test]
    fn a_client_stays_chosen_while_the_percentage_grows() {
        for seed in 0..200 {
            let choices =
                |per_cent| json!([{ "percentage": per_cent, "serviceConfig": config(1) }]);
            let among: Vec<_> =
                (0..=100).map(|share| chosen(&choices(share), &host(seed)).is_some()).collect();
            assert!(among.is_sorted(), "chosen and then no more: {among:?}");
            assert_eq!((among[0], among[100]), (false, true));
        }
    }

    #[test]
    fn what_is_wrong_with_a_record_is_named() {
        let fine = json!({ "serviceConfig": {} });
        for (text, field) in [
            (String::new(), "grpc_config"),
            ("[".to_owned(), "grpc_config"),
            (json!({}).to_string(), "grpc_config"),
            (json!(["bogus"]).to_string(), "grpc_config[0]"),
            (
                json!([fine, { "clientLanguage": ["go"] }]).to_string(),
                "grpc_config[1].serviceConfig",
            ),
            (json!([fine, { "serviceConfig": "x" }]).to_string(), "grpc_config[1].serviceConfig"),
            (
                json!([fine, { "clientlanguage": [], "serviceConfig": {} }]).to_string(),
                "grpc_config[1].clientlanguage",
            ),
            (
                json!([fine, { "percentage": 101, "serviceConfig": {} }]).to_string(),
                "grpc_config[1].percentage",
            ),
            (
                json!([fine, { "percentage": "9", "serviceConfig": {} }]).to_string(),
                "grpc_config[1].percentage",
            ),
            (
                json!([fine, { "percentage": 9.5, "serviceConfig": {} }]).to_string(),
                "grpc_config[1].percentage",
            ),
            (
                json!([fine, { "clientHostname": "h", "serviceConfig": {} }]).to_string(),
                "grpc_config[1].clientHostname",
            ),
            (
                json!([fine, { "clientLanguage": [1], "serviceConfig": {} }]).to_string(),
                "grpc_config[1].clientLanguage[0]",
            ),
            (
                json!([{ "serviceConfig": { "retryThrottling": 1 } }]).to_string(),
                "grpc_config[0].serviceConfig.retryThrottling",
            ),
        ] {
            let record = format!("grpc_config={text}");
            let error = from_txt([&*record], &host(7)).unwrap().unwrap_err();
            assert_eq!(error.field(), field, "{text}");
        }
        let twice = from_txt(["grpc_config=[]", "other=1", "grpc_config=[]"], &host(7));
        assert_eq!(twice.unwrap().unwrap_err().field(), "grpc_config");
    }

    #[test]
    fn a_config_that_is_not_chosen_may_be_wrong_inside() {
        let wrong = json!({ "percentage": 0, "serviceConfig": { "methodConfig": 1 } });
        let choices = json!([wrong, { "serviceConfig": config(3) }, { "serviceConfig": { "methodConfig": 1 } }]);
        assert_eq!(chosen(&choices, &host(7)), Some(3));
    }
}
