//! The policy that a service config asks for.

use serde_json::Value;

use super::Policy;
use super::pick_first::{self, PickFirst};
use super::round_robin::{self, RoundRobin};
use crate::ServiceConfigError;
use crate::service_config::Fields;

/// A policy with its settings; policies that wrap another have theirs inside. Adding a policy: a file, a variant here, and its four lines below.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PolicyConfig {
    PickFirst(pick_first::Config),
    RoundRobin(round_robin::Config),
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
            if let Some(parsed) =
                Self::parse(name, &Fields::new(settings, format!("{path}.{name}"))?)
            {
                return parsed;
            }
        }
        Err(ServiceConfigError::new(field, "has no policy that is known"))
    }

    /// The policy of that name; `None` when it is not known.
    fn parse(name: &str, fields: &Fields<'_>) -> Option<Result<Self, ServiceConfigError>> {
        Some(match name {
            "pick_first" => pick_first::Config::parse(fields).map(Self::PickFirst),
            "round_robin" => round_robin::Config::parse(fields).map(Self::RoundRobin),
            _ => return None,
        })
    }

    /// Makes the policy. It knows nothing until its first [`Policy::update`].
    pub(crate) fn build(&self) -> Box<dyn Policy> {
        match self {
            Self::PickFirst(_) => Box::new(PickFirst::default()),
            Self::RoundRobin(_) => Box::new(RoundRobin::default()),
        }
    }

    /// The name of the policy.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::PickFirst(_) => "pick_first",
            Self::RoundRobin(_) => "round_robin",
        }
    }

    /// The policy inside, if this one wraps another.
    fn child(&self) -> Option<&Self> {
        match self {
            Self::PickFirst(_) | Self::RoundRobin(_) => None,
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
