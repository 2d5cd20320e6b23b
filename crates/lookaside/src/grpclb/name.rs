//! What a client calls a service.

use crate::Key;
use crate::error::Error;

/// The longest name. Source: `load_balancer.proto`.
const LONGEST: usize = 255;
/// Where a service is whose name has one label only.
const NAMESPACE: &str = "default";

/// Reads `namespace/service:port`, or a host with or without a port: `service`, `service.namespace`, `service.namespace.svc` and whatever follows that.
pub(super) fn key(name: &str, default_port: u16) -> Result<Key, Error> {
    let wrong = |problem: &str| Error::Field("initial_request.name", problem.to_owned());
    if name.len() > LONGEST {
        return Err(wrong("is longer than 255 bytes"));
    }
    let (name, port) = match name.rsplit_once(':') {
        Some((name, port)) => (name, port.to_owned()),
        None => (name, default_port.to_string()),
    };
    let (namespace, service) = match name.split_once('/') {
        Some(parts) => parts,
        None => {
            let mut labels = name.trim_end_matches('.').split('.');
            let service = labels.next().unwrap_or_default();
            let namespace = labels.next().unwrap_or(NAMESPACE);
            if labels.next().is_some_and(|label| label != "svc") {
                return Err(wrong(
                    "is a host, but none of the form service.namespace.svc.cluster.local",
                ));
            }
            (namespace, service)
        }
    };
    Key::try_new(namespace, service, port).map_err(|error| wrong(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_key_or_a_host_of_the_cluster() {
        for (name, expected) in [
            ("shop/greet:grpc", "shop/greet:grpc"),
            ("shop/greet", "shop/greet:7"),
            ("greet", "default/greet:7"),
            ("greet:1", "default/greet:1"),
            ("greet.shop:1", "shop/greet:1"),
            ("greet.shop.svc:1", "shop/greet:1"),
            ("greet.shop.svc.cluster.local.", "shop/greet:7"),
        ] {
            assert_eq!(key(name, 7).unwrap().to_string(), expected, "{name}");
        }
    }

    #[test]
    fn what_names_something_else_is_refused() {
        let long = "a".repeat(256);
        for (name, problem) in [
            ("", "label"),
            ("greet.example.com", "service.namespace.svc"),
            ("../greet:1", "label"),
            ("greet:0", "port"),
            ("[::1]:1", "label"),
            (&long, "longer"),
        ] {
            let error = key(name, 7).unwrap_err().to_string();
            assert!(error.contains("initial_request.name") && error.contains(problem), "{error}");
        }
    }
}
