//! Where this process registers itself, as options.

use std::net::SocketAddr;

use clap::{ArgAction, Args};
use wayside_balance::Target;

/// Where this process registers itself, so that clients find it without Kubernetes or DNS.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct RegisterArgs {
    /// The look-aside balancer that is told of this server: every replica of it, as in `dns:///lookaside:50055`.
    #[arg(
        long,
        env = "REGISTER_WITH",
        requires = "register_as",
        value_name = "TARGET",
        help_heading = "Registration"
    )]
    pub register_with: Option<Target>,

    /// What clients call this server by: namespace/service:port.
    #[arg(long, env = "REGISTER_AS", requires = "register_with", value_parser = parse_service, value_name = "SERVICE", help_heading = "Registration")]
    pub register_as: Option<RegisteredService>,

    /// The address that clients are told [default: the one that the server listens on; the one that it calls from, if it listens on every address]
    #[arg(
        long,
        env = "REGISTER_ADDRESS",
        requires = "register_with",
        value_name = "ADDRESS:PORT",
        help_heading = "Registration"
    )]
    pub register_address: Option<SocketAddr>,

    /// Whether the balancer is told how busy this server is: the share of the CPUs that the process uses, calls and failed calls a second, with each renewal of
    /// its lease. It counts instead of a weight. For a server of gRPC that has its process to itself.
    #[arg(
        long,
        env = "REGISTER_LOAD",
        requires = "register_with",
        default_value_t = false,
        action = ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Registration"
    )]
    pub register_load: bool,
}

/// A service as it is registered: `namespace/service:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredService {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: String,
}

fn parse_service(text: &str) -> Result<RegisteredService, String> {
    let parts = text.split_once('/').and_then(|(namespace, rest)| {
        let (service, port) = rest.split_once(':')?;
        let all_there = ![namespace, service, port].iter().any(|part| part.is_empty());
        // The balancer says what else is wrong with them.
        all_there.then(|| RegisteredService {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port: port.to_owned(),
        })
    });
    parts.ok_or_else(|| {
        "a service is written namespace/service:port, such as default/greet:50051".to_owned()
    })
}

impl RegisteredService {
    /// Reads `namespace/service:port`.
    ///
    /// # Errors
    /// A text that says what a service looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_service(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_three_parts() {
        let greet = RegisteredService::parse("default/greet:50051").unwrap();
        assert_eq!(
            (greet.namespace.as_str(), greet.service.as_str(), greet.port.as_str()),
            ("default", "greet", "50051")
        );
        for text in ["", "greet", "greet:1", "default/greet", "/greet:1", "default/:1", "a/b:"] {
            assert!(RegisteredService::parse(text).is_err(), "{text}");
        }
    }
}
