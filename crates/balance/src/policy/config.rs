//! The policy that a service config asks for.

use serde_json::Value;

use super::Policy;
use super::circuit_breaking::{self, CircuitBreaking};
use super::least_request::{self, LeastRequest};
use super::outlier_detection::{self, OutlierDetection};
use super::pick_first::{self, PickFirst};
use super::random::{self, Random};
use super::random_subsetting::{self, RandomSubsetting};
use super::ring_hash::{self, RingHash};
use super::round_robin::{self, RoundRobin};
use super::weighted_round_robin::{self, WeightedRoundRobin};
use crate::ServiceConfigError;
use crate::service_config::Fields;

/// A policy with its settings; policies that wrap another have theirs inside. Adding a policy: a file, a variant here, its name in `KNOWN`, and its four lines below.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PolicyConfig {
    PickFirst(pick_first::Config),
    Random(random::Config),
    RoundRobin(round_robin::Config),
    OutlierDetection(outlier_detection::Config),
    RandomSubsetting(random_subsetting::Config),
    CircuitBreaking(circuit_breaking::Config),
    LeastRequest(least_request::Config),
    WeightedRoundRobin(weighted_round_robin::Config),
    RingHash(ring_hash::Config),
}

/// The names by which policies are asked for.
const KNOWN: [&str; 13] = [
    "pick_first",
    "round_robin",
    "random",
    "least_request",
    "least_request_experimental",
    "weighted_round_robin",
    "ring_hash",
    "ring_hash_experimental",
    "outlier_detection",
    "outlier_detection_experimental",
    "random_subsetting",
    "random_subsetting_experimental",
    "circuit_breaking",
];

impl Default for PolicyConfig {
    fn default() -> Self {
        Self::PickFirst(pick_first::Config::default())
    }
}

impl PolicyConfig {
    /// Takes the first policy of a list that is known. Source: gRFC A24.
    ///
    /// # Errors
    /// When none is known, or the first that is known is not valid.
    pub(crate) fn parse_list(
        list: &[(&Value, String)],
        field: &str,
    ) -> Result<Self, ServiceConfigError> {
        for (value, path) in list {
            let mut entries = value.as_object().into_iter().flatten();
            let (Some((name, settings)), None) = (entries.next(), entries.next()) else {
                return Err(ServiceConfigError::new(path, "is not an object with one policy"));
            };
            // Settings of a policy that is not known may look like anything.
            if KNOWN.contains(&name.as_str())
                && let Some(parsed) =
                    Self::parse(name, &Fields::new(settings, format!("{path}.{name}"))?)
            {
                return parsed;
            }
        }
        let known = KNOWN.join(", ");
        Err(ServiceConfigError::new(field, format!("has no policy that is known: {known}")))
    }

    /// The policy that another one wraps: its field `childPolicy`, which has to be there.
    ///
    /// # Errors
    /// As [`parse_list`](Self::parse_list).
    pub(crate) fn parse_child(fields: &Fields<'_>) -> Result<Box<Self>, ServiceConfigError> {
        let list = fields.list("childPolicy")?;
        let list = list.ok_or_else(|| fields.invalid("childPolicy", "is missing"))?;
        Self::parse_list(&list, &fields.at("childPolicy")).map(Box::new)
    }

    /// The policy of that name; `None` when it is not known.
    fn parse(name: &str, fields: &Fields<'_>) -> Option<Result<Self, ServiceConfigError>> {
        Some(match name {
            "pick_first" => pick_first::Config::parse(fields).map(Self::PickFirst),
            "random" => random::Config::parse(fields).map(Self::Random),
            "round_robin" => round_robin::Config::parse(fields).map(Self::RoundRobin),
            "outlier_detection_experimental" | "outlier_detection" => {
                outlier_detection::Config::parse(fields).map(Self::OutlierDetection)
            }
            "random_subsetting_experimental" | "random_subsetting" => {
                random_subsetting::Config::parse(fields).map(Self::RandomSubsetting)
            }
            "circuit_breaking" => {
                circuit_breaking::Config::parse(fields).map(Self::CircuitBreaking)
            }
            "least_request" | "least_request_experimental" => {
                least_request::Config::parse(fields).map(Self::LeastRequest)
            }
            "weighted_round_robin" => {
                weighted_round_robin::Config::parse(fields).map(Self::WeightedRoundRobin)
            }
            "ring_hash" | "ring_hash_experimental" => {
                ring_hash::Config::parse(fields).map(Self::RingHash)
            }
            _ => return None,
        })
    }

    /// Sets how many entries the ring of a `ring_hash` has at most, whatever its settings say. Source: gRFC A42, a setting of the client.
    pub(crate) fn set_ring_size_cap(&mut self, cap: u32) {
        match self {
            Self::RingHash(config) => config.ring_size_cap = cap.max(1),
            Self::OutlierDetection(config) => config.child.set_ring_size_cap(cap),
            Self::RandomSubsetting(config) => config.child.set_ring_size_cap(cap),
            Self::CircuitBreaking(config) => config.child.set_ring_size_cap(cap),
            Self::PickFirst(_)
            | Self::Random(_)
            | Self::RoundRobin(_)
            | Self::LeastRequest(_)
            | Self::WeightedRoundRobin(_) => {}
        }
    }

    /// Makes the policy. It knows nothing until its first [`Policy::update`].
    pub(crate) fn build(&self) -> Box<dyn Policy> {
        match self {
            Self::PickFirst(_) => Box::new(PickFirst::default()),
            Self::Random(_) => Box::new(Random::default()),
            Self::RoundRobin(_) => Box::new(RoundRobin::default()),
            Self::OutlierDetection(config) => Box::new(OutlierDetection::new(config)),
            Self::RandomSubsetting(config) => Box::new(RandomSubsetting::new(config)),
            Self::CircuitBreaking(config) => Box::new(CircuitBreaking::new(config)),
            Self::LeastRequest(_) => Box::new(LeastRequest::default()),
            Self::WeightedRoundRobin(_) => Box::new(WeightedRoundRobin::default()),
            Self::RingHash(_) => Box::new(RingHash::default()),
        }
    }

    /// The name of the policy.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::PickFirst(_) => "pick_first",
            Self::Random(_) => "random",
            Self::RoundRobin(_) => "round_robin",
            Self::OutlierDetection(_) => "outlier_detection_experimental",
            Self::RandomSubsetting(_) => "random_subsetting_experimental",
            Self::CircuitBreaking(_) => "circuit_breaking",
            Self::LeastRequest(_) => "least_request",
            Self::WeightedRoundRobin(_) => "weighted_round_robin",
            Self::RingHash(_) => "ring_hash",
        }
    }

    /// The names of the policy and of those inside.
    pub(crate) fn path(&self) -> String {
        let names = std::iter::successors(Some(self), |config| config.child());
        names.map(Self::name).collect::<Vec<_>>().join(" > ")
    }

    /// The policy inside, if this one wraps another.
    fn child(&self) -> Option<&Self> {
        match self {
            Self::PickFirst(_)
            | Self::Random(_)
            | Self::RoundRobin(_)
            | Self::LeastRequest(_)
            | Self::WeightedRoundRobin(_)
            | Self::RingHash(_) => None,
            Self::OutlierDetection(config) => Some(&config.child),
            Self::RandomSubsetting(config) => Some(&config.child),
            Self::CircuitBreaking(config) => Some(&config.child),
        }
    }

    /// Whether a policy made for one can be updated to the other: the same policy, around the same policies.
    pub(crate) fn same_kind(&self, other: &Self) -> bool {
        self.name() == other.name()
            && match (self.child(), other.child()) {
                (None, None) => true,
                (Some(one), Some(other)) => one.same_kind(other),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_read_and_an_error_names_them_all() {
        let parse =
            |list: &Value| PolicyConfig::parse_list(&[(list, "list[0]".to_owned())], "list");
        for name in KNOWN {
            let child = serde_json::json!([{ "pick_first": {} }]);
            let config = serde_json::json!({ name: { "childPolicy": child, "subsetSize": 3 } });
            let expected = name.strip_suffix("_experimental").unwrap_or(name);
            let parsed = parse(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(parsed.name().starts_with(expected), "{name}: {parsed:?}");
        }
        let error = parse(&serde_json::json!({ "roundrobin": {} })).unwrap_err().to_string();
        assert!(KNOWN.iter().all(|name| error.contains(name)), "{error}");
    }
}
