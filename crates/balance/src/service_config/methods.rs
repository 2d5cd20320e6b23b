//! Finds the config of a method.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Fields, MethodConfig, ServiceConfigError};

/// Every method config, by the names that it is for. Trees, as the few names that there are take less to compare than to hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Methods {
    services: BTreeMap<String, Service>,
    others: Option<Arc<MethodConfig>>,
}

/// Maps within a map: a path is then looked up in two parts as it stands, where a map of pairs would want a pair made of it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Service {
    methods: BTreeMap<String, Arc<MethodConfig>>,
    others: Option<Arc<MethodConfig>>,
}

impl Methods {
    pub(super) fn parse(list: &[(&Value, String)]) -> Result<Self, ServiceConfigError> {
        let mut methods = Self::default();
        for (value, path) in list {
            let fields = Fields::new(value, path)?;
            // An entry without a name is for no method, but a field that is wrong in it makes the whole invalid all the same.
            let config = Arc::new(MethodConfig::parse(&fields)?);
            for (name, path) in fields.list("name")?.unwrap_or_default() {
                methods.add(&Fields::new(name, path)?, &config)?;
            }
        }
        Ok(methods)
    }

    fn add(
        &mut self,
        name: &Fields<'_>,
        config: &Arc<MethodConfig>,
    ) -> Result<(), ServiceConfigError> {
        // Empty, null and absent are the same.
        let service = name.string("service")?.unwrap_or_default();
        let method = name.string("method")?.unwrap_or_default();
        let config = Arc::clone(config);
        let before = match (service, method) {
            ("", "") => self.others.replace(config),
            ("", _) => {
                let problem = "is missing: a method is named together with its service";
                return Err(name.invalid("service", problem));
            }
            (service, "") => self.service(service).others.replace(config),
            (service, method) => self.service(service).methods.insert(method.to_owned(), config),
        };
        match before {
            None => Ok(()),
            Some(_) => Err(name.error(
                "has a name that stands before already: name each service or method only once",
            )),
        }
    }

    fn service(&mut self, name: &str) -> &mut Service {
        self.services.entry(name.to_owned()).or_default()
    }

    /// The config for `/pkg.Service/Method`: that of the method, else that of its service, else that of all.
    pub(super) fn get(&self, path: &str) -> Option<&MethodConfig> {
        // Most channels have nothing configured for a service, and then no call pays for a look.
        let specific = if self.services.is_empty() { None } else { self.specific(path) };
        specific.or(self.others.as_ref()).map(Arc::as_ref)
    }

    fn specific(&self, path: &str) -> Option<&Arc<MethodConfig>> {
        let (service, method) = path.strip_prefix('/')?.rsplit_once('/')?;
        let service = self.services.get(service)?;
        service.methods.get(method).or(service.others.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::json;

    use super::*;

    /// A method config for these names; the timeout says which one it is.
    fn entry(number: usize, names: &Value) -> Value {
        json!({ "name": names, "timeout": format!("{number}s") })
    }

    fn parse(entries: &[Value]) -> Result<Methods, ServiceConfigError> {
        let paths = (0..).map(|index| format!("methodConfig[{index}]"));
        Methods::parse(&entries.iter().zip(paths).collect::<Vec<_>>())
    }

    fn found(methods: &Methods, path: &str) -> Option<u64> {
        methods.get(path).map(|config| config.timeout.unwrap().as_secs())
    }

    #[test]
    fn the_most_specific_entry_is_found() {
        let methods = parse(&[
            entry(0, &json!([{}])),
            entry(1, &json!([{ "service": "a.S" }, { "service": "a.T", "method": "" }])),
            entry(2, &json!([{ "service": "a.S", "method": "M" }])),
            entry(3, &json!([{ "service": "a.U", "method": "M" }])),
            // The last slash parts the two, as in the other stacks.
            entry(4, &json!([{ "service": "v2/a.S" }])),
        ])
        .unwrap();
        for (path, expected) in [
            ("/a.S/M", 2),
            ("/a.S/N", 1),
            ("/a.T/M", 1),
            ("/a.U/M", 3),
            ("/a.U/N", 0),
            ("/v2/a.S/M", 4),
            ("/a.V/M", 0),
            ("/a.s/M", 0),
            ("a.S/M", 0),
            ("/a.S", 0),
            ("/", 0),
            ("", 0),
        ] {
            assert_eq!(found(&methods, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn an_entry_without_names_is_for_no_method() {
        let nameless = [json!({ "timeout": "1s" }), entry(1, &json!([])), entry(1, &json!(null))];
        assert_eq!(parse(&nameless), Ok(Methods::default()));
        assert_eq!(found(&Methods::default(), "/a.S/M"), None);
    }

    #[test]
    fn a_name_that_cannot_be_is_rejected() {
        for (first, second, field) in [
            (json!([]), json!([{ "method": "M" }]), "methodConfig[1].name[0].service"),
            (
                json!([]),
                json!([{ "service": "", "method": "M" }]),
                "methodConfig[1].name[0].service",
            ),
            (json!([{}]), json!([{ "service": null }]), "methodConfig[1].name[0]"),
            (
                json!([{ "service": "S" }]),
                json!([{}, { "service": "S", "method": "" }]),
                "methodConfig[1].name[1]",
            ),
            (
                json!([]),
                json!([{ "service": "S", "method": "M" }, { "service": "S", "method": "M" }]),
                "methodConfig[1].name[1]",
            ),
            (json!([]), json!([{ "service": 1 }]), "methodConfig[1].name[0].service"),
            (
                json!([]),
                json!([{ "service": "S", "method": true }]),
                "methodConfig[1].name[0].method",
            ),
            (json!([]), json!(["S"]), "methodConfig[1].name[0]"),
            (json!([]), json!({ "service": "S" }), "methodConfig[1].name"),
        ] {
            let error = parse(&[entry(0, &first), entry(1, &second)]).unwrap_err();
            assert_eq!(error.field(), field, "{second}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(4), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_search_through_all_entries_finds_the_same(
            names in prop::collection::hash_set(("[AB]?", "[MN]?"), 0..8),
            service in "[ABC]",
            method in "[MNO]",
        ) {
            let names: Vec<_> = names.into_iter().filter(|(s, m)| !s.is_empty() || m.is_empty()).collect();
            let entries: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(number, (service, method))| entry(number, &json!([{ "service": service, "method": method }])))
                .collect();
            let wanted = [(&*service, &*method), (&*service, ""), ("", "")];
            let expected = wanted
                .iter()
                .find_map(|(service, method)| names.iter().position(|(s, m)| s == service && m == method))
                .map(|number| number as u64);
            let methods = parse(&entries).unwrap();
            prop_assert_eq!(found(&methods, &format!("/{service}/{method}")), expected);
        }
    }
}
