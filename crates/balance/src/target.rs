//! What to connect to, in the syntax of gRPC's naming document.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;

/// The addresses of a service: `host:port`, `dns:///host:port`, or a list `ipv4:`, `ipv6:` or `static:` of `host:port` separated by commas.
///
/// An IPv6 address is written in brackets. Source: grpc/grpc `doc/naming.md`; `static:` is ours and takes names as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    authorities: Vec<Authority>,
}

impl Target {
    /// Each `host:port` of the target, in the order they were given.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }
}

/// Why a text is not a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The part before the first colon is not a scheme that this channel knows.
    #[error(
        "target '{0}' has a scheme that is not known; use host:port, dns:///host:port, ipv4:, ipv6: or static:"
    )]
    UnknownScheme(String),
    /// One of the addresses is not `host:port`.
    #[error("'{address}' in target '{target}' is not host:port with a port from 1 to 65535")]
    BadAddress {
        /// The address.
        address: String,
        /// The whole target.
        target: String,
    },
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let list = match text.split_once(':') {
            Some(("dns", rest)) => {
                let name = rest.strip_prefix("///").unwrap_or(rest);
                if name.contains('/') {
                    // dns://authority/host asks one given name server, which the system's resolver cannot do.
                    return Err(TargetError::UnknownScheme(text.to_owned()));
                }
                name
            }
            Some(("ipv4" | "ipv6" | "static", rest)) => rest,
            _ if text.contains("//") => return Err(TargetError::UnknownScheme(text.to_owned())),
            _ => text,
        };
        let authority = |address: &str| {
            let parsed = is_authority(address).then(|| address.parse().ok()).flatten();
            parsed.ok_or_else(|| TargetError::BadAddress {
                address: address.to_owned(),
                target: text.to_owned(),
            })
        };
        let authorities =
            list.split(',').map(str::trim).map(authority).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), authorities })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn is_authority(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_is_fine = match host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    host_is_fine && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_naming_document_are_read() {
        for (text, expected) in [
            ("localhost:50051", &["localhost:50051"][..]),
            ("dns:///greet:50051", &["greet:50051"]),
            ("dns:greet:50051", &["greet:50051"]),
            ("ipv4:127.0.0.1:1,127.0.0.1:2", &["127.0.0.1:1", "127.0.0.1:2"]),
            ("ipv6:[::1]:1", &["[::1]:1"]),
            ("static:a:1, b:2", &["a:1", "b:2"]),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().authorities(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_target_is_named() {
        for (text, part) in [
            ("", "''"),
            ("greet", "'greet'"),
            ("greet:0", "'greet:0'"),
            ("greet:99999", "'greet:99999'"),
            ("static:a:1,,b:2", "''"),
            ("::1:50051", "'::1:50051'"),
            ("http://greet:50051", "scheme"),
            ("dns://8.8.8.8/greet:1", "scheme"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
