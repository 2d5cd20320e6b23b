//! The whole of a service config.

use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::methods::Methods;
use super::{Fields, MethodConfig, RetryThrottling, ServiceConfigError};
use crate::policy::PolicyConfig;

/// The most connections that a subchannel may be told to have. Source: gRFC A105.
const MAX_CONNECTIONS: u32 = 10;

/// A valid service config, made with [`str::parse`] from JSON; see [the module](super) for an example.
///
/// The default one is empty, which is valid: nothing is configured, for any method.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceConfig {
    policy: Option<PolicyConfig>,
    methods: Methods,
    retry_throttling: Option<RetryThrottling>,
    health_check_service: Option<String>,
    max_connections: Option<u32>,
    json: Text,
}

/// What a config was made of. Two configs that mean the same are the same, whatever they were made of.
#[derive(Clone, Debug, Default)]
struct Text(Arc<str>);

impl PartialEq for Text {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl ServiceConfig {
    /// What is configured for calls to a method, by the path of its calls: `/pkg.Service/Method`.
    ///
    /// An entry that names the method comes before one that names its service, which comes before the default for all; the one that is found says
    /// everything. Allocates nothing: it is meant to be asked for every call.
    pub fn method(&self, path: &str) -> Option<&MethodConfig> {
        self.methods.get(path)
    }

    /// When to stop retrying and hedging because too much fails: one for all methods of the target.
    pub fn retry_throttling(&self) -> Option<RetryThrottling> {
        self.retry_throttling
    }

    /// What it was made of, fields that are not known here included; empty if it was made of nothing.
    pub fn json(&self) -> &str {
        &self.json.0
    }

    /// The policy; the channel takes `pick_first` when there is none.
    pub(crate) fn policy(&self) -> Option<&PolicyConfig> {
        self.policy.as_ref()
    }

    /// Which service to ask about in health checks, the empty name being the whole server; no checks when there is none. Source: gRFC A17.
    pub(crate) fn health_check_service(&self) -> Option<&str> {
        self.health_check_service.as_deref()
    }

    /// How many connections a subchannel may have, from 1 to 10; gRPC's default when there is none is 1. Source: gRFC A105.
    pub(crate) fn max_connections(&self) -> Option<u32> {
        self.max_connections
    }

    /// Reads the config at `path` of a greater whole.
    pub(super) fn parse(value: &Value, path: &str) -> Result<Self, ServiceConfigError> {
        let fields = Fields::new(value, path)?;
        let throttling = fields.object("retryThrottling")?;
        Ok(Self {
            policy: policy(&fields)?,
            methods: Methods::parse(&fields.list("methodConfig")?.unwrap_or_default())?,
            retry_throttling: throttling.map(|it| RetryThrottling::parse(&it)).transpose()?,
            health_check_service: health_check_service(&fields)?,
            max_connections: max_connections(&fields)?,
            json: Text(value.to_string().into()),
        })
    }
}

impl FromStr for ServiceConfig {
    type Err = ServiceConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = serde_json::from_str(text).map_err(|error| {
            ServiceConfigError::new("", format!("the text is not JSON: {error}"))
        })?;
        Self::parse(&value, "")
    }
}

fn policy(fields: &Fields<'_>) -> Result<Option<PolicyConfig>, ServiceConfigError> {
    let legacy = fields.string("loadBalancingPolicy")?;
    if let Some(list) = fields.list("loadBalancingConfig")? {
        return PolicyConfig::parse_list(&list, &fields.at("loadBalancingConfig")).map(Some);
    }
    legacy.filter(|name| !name.is_empty()).map(|name| legacy_policy(fields, name)).transpose()
}

/// `loadBalancingPolicy` is from before policies had settings: a name alone, which the proto's enum writes in capitals.
fn legacy_policy(fields: &Fields<'_>, name: &str) -> Result<PolicyConfig, ServiceConfigError> {
    let field = fields.at("loadBalancingPolicy");
    let settings = Value::Object(Map::new());
    let policy = Value::Object(Map::from_iter([(name.to_ascii_lowercase(), settings)]));
    PolicyConfig::parse_list(&[(&policy, field.clone())], &field).map_err(|_| {
        let problem = "is not a policy that is known and needs no settings: use loadBalancingConfig, which takes a list of policies with settings";
        ServiceConfigError::new(field, problem)
    })
}

fn health_check_service(fields: &Fields<'_>) -> Result<Option<String>, ServiceConfigError> {
    let Some(config) = fields.object("healthCheckConfig")? else { return Ok(None) };
    Ok(config.string("serviceName")?.map(str::to_owned))
}

fn max_connections(fields: &Fields<'_>) -> Result<Option<u32>, ServiceConfigError> {
    let Some(scaling) = fields.object("connectionScaling")? else { return Ok(None) };
    match scaling.u32("maxConnectionsPerSubchannel")? {
        Some(0) => {
            let problem = "is 0, which allows no connection: give a whole number from 1 to 10";
            Err(scaling.invalid("maxConnectionsPerSubchannel", problem))
        }
        max => Ok(max.map(|max| max.min(MAX_CONNECTIONS))),
    }
}
