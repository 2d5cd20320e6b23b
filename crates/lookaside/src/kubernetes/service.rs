//! Which endpoints are asked for: namespace, service, port.

use std::fmt;
use std::str::FromStr;

use wayside_balance::{Target, TargetError};

/// The longest name of an object in Kubernetes that has to be a DNS label. Source: RFC 1123.
const LONGEST_LABEL: usize = 63;

/// A service in Kubernetes and one of its ports, as in `k8s:///namespace/service:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KubernetesService {
    /// `None`: the namespace of the pod that asks, or of the context in the kubeconfig.
    pub namespace: Option<String>,
    /// The name of the Service.
    pub service: String,
    /// Where its pods listen.
    pub port: ServicePort,
}

/// A port of the pods of a service. The Service itself may have another number for it, which is of no use to who connects to the pods.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServicePort {
    /// The number on which the pods listen (`targetPort`).
    Number(u16),
    /// What the port is called in the Service. Pods may listen on different numbers for it.
    Name(String),
}

impl FromStr for KubernetesService {
    /// What is wrong, as the rest of a sentence that begins with the text.
    type Err = &'static str;

    /// Reads `namespace/service:port` or `service:port`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, rest) = match text.split_once('/') {
            Some((namespace, rest)) => (Some(namespace), rest),
            None => (None, text),
        };
        let (service, port) = rest
            .split_once(':')
            .ok_or("needs the port of the pods, as a number or a name: namespace/service:port")?;
        if !namespace.is_none_or(is_label) {
            return Err(
                "does not begin with the name of a namespace: lower case letters, digits and hyphens, at most 63",
            );
        }
        if !is_label(service) {
            return Err(
                "has no name of a service: lower case letters, digits and hyphens, at most 63",
            );
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            service: service.to_owned(),
            port: port.parse()?,
        })
    }
}

impl FromStr for ServicePort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(0) => Err("has the port 0, on which nobody listens"),
            Ok(number) => Ok(Self::Number(number)),
            Err(_) if is_label(text) && text.contains(|c: char| c.is_ascii_lowercase()) => {
                Ok(Self::Name(text.to_owned()))
            }
            Err(_) => Err("has a port that is neither a number up to 65535 nor the name of a port"),
        }
    }
}

impl TryFrom<&Target> for KubernetesService {
    type Error = TargetError;

    fn try_from(target: &Target) -> Result<Self, TargetError> {
        if !target.uri_authority().is_empty() {
            return Err(TargetError::invalid(
                target.uri_authority(),
                target,
                "is not for a target to choose: the API server comes from the pod or the kubeconfig; write k8s:/// with three slashes",
            ));
        }
        let path = target.path();
        path.parse().map_err(|problem| TargetError::invalid(path, target, problem))
    }
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= LONGEST_LABEL
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl fmt::Display for ServicePort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str) -> Result<KubernetesService, String> {
        KubernetesService::try_from(&target.parse::<Target>().unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_target_names_namespace_service_and_port() {
        for (target, namespace, port) in [
            ("k8s:///shop/greet:50051", Some("shop"), ServicePort::Number(50051)),
            ("k8s:///shop/greet:grpc", Some("shop"), ServicePort::Name("grpc".into())),
            ("k8s:///greet:grpc-2", None, ServicePort::Name("grpc-2".into())),
            ("k8s:shop/greet:1", Some("shop"), ServicePort::Number(1)),
        ] {
            let service = read(target).unwrap();
            assert_eq!(service.namespace.as_deref(), namespace, "{target}");
            assert_eq!((service.service.as_str(), service.port), ("greet", port), "{target}");
        }
    }

    #[test]
    fn what_is_no_service_is_refused_with_the_reason() {
        for (target, reason) in [
            ("k8s:///shop/greet", "needs the port"),
            ("k8s:///shop/greet:0", "port 0"),
            ("k8s:///shop/greet:65536", "neither a number"),
            ("k8s:///shop/greet:", "neither a number"),
            ("k8s:///shop/:1", "no name of a service"),
            ("k8s:////greet:1", "name of a namespace"),
            ("k8s:///shop/greet,a=b:1", "no name of a service"),
            ("k8s:///..%2Fpods/greet:1", "name of a namespace"),
            ("k8s:///shop/greet/more:1", "no name of a service"),
            ("k8s://cluster/shop/greet:1", "three slashes"),
        ] {
            let error = read(target).expect_err(target);
            assert!(error.contains(reason), "{target}: {error}");
        }
    }
}
