//! What clients ask for: a service by its namespace, its name and its port.

use std::fmt;
use std::str::FromStr;

/// The longest that a label of DNS may be. Source: RFC 1035, section 2.3.4.
const MAX_LABEL: usize = 63;
/// The longest that the name of a port may be. Source: RFC 6335, section 5.1.
const MAX_PORT_NAME: usize = 15;

/// A service, written `namespace/service:port`.
///
/// Each part is one label, so that nobody can have a look-aside balancer look up whatever name they like.
///
/// ```
/// let key: lookaside::Key = "default/greet:50051".parse()?;
/// assert_eq!((key.namespace(), key.service(), key.port()), ("default", "greet", "50051"));
/// assert!("default/greet.example.com:50051".parse::<lookaside::Key>().is_err());
/// # Ok::<(), lookaside::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    namespace: String,
    service: String,
    port: String,
}

/// What is wrong with a part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct KeyError {
    /// The part: `namespace`, `service` or `port`.
    pub field: &'static str,
    /// What is wrong with it, as the rest of a sentence.
    pub problem: &'static str,
}

impl Key {
    /// A key of these parts.
    ///
    /// # Errors
    /// When a part is not what it has to be; the first such part.
    pub fn try_new(
        namespace: impl Into<String>,
        service: impl Into<String>,
        port: impl Into<String>,
    ) -> Result<Self, KeyError> {
        let (namespace, service, port) = (namespace.into(), service.into(), port.into());
        let label = |field, text: &str| {
            let problem = "is not a label of DNS: 1 to 63 of a-z, 0-9 and '-', which is neither first nor last";
            if is_label(text, MAX_LABEL) { Ok(()) } else { Err(KeyError { field, problem }) }
        };
        label("namespace", &namespace)?;
        label("service", &service)?;
        if !is_port(&port) {
            let problem = "is neither a number from 1 to 65535 nor the name of a port: 1 to 15 of a-z, 0-9 and '-' with a letter among them";
            return Err(KeyError { field: "port", problem });
        }
        Ok(Self { namespace, service, port })
    }

    /// Where the service belongs; `default` where nothing else is said.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the service is called.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The number or the name of its port.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// The port if it is a number.
    pub fn port_number(&self) -> Option<u16> {
        self.port.parse().ok()
    }
}

fn is_label(text: &str, longest: usize) -> bool {
    let bytes = text.as_bytes();
    (1..=longest).contains(&bytes.len())
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

fn is_port(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A zero in front would make two keys of one port.
        return !text.starts_with('0') && text.parse::<u16>().is_ok();
    }
    is_label(text, MAX_PORT_NAME)
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let problem = "is missing: a service is written namespace/service:port";
        let (namespace, rest) =
            text.split_once('/').ok_or(KeyError { field: "namespace", problem })?;
        let (service, port) = rest.split_once(':').ok_or(KeyError { field: "port", problem })?;
        Self::try_new(namespace, service, port)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}:{}", self.namespace, self.service, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for text in ["default/greet:50051", "a/b:1", "team-1/greet-2:65535", "default/greet:grpc"] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_name_something_else_is_refused_by_field() {
        let long = "a".repeat(64);
        for (namespace, service, port, field) in [
            ("", "greet", "1", "namespace"),
            ("a.b", "greet", "1", "namespace"),
            ("default", "greet.example.com", "1", "service"),
            ("default", "../greet", "1", "service"),
            ("default", "GREET", "1", "service"),
            ("default", "-greet", "1", "service"),
            ("default", "greet-", "1", "service"),
            ("default", "", "1", "service"),
            ("default", long.as_str(), "1", "service"),
            ("default", "greet", "", "port"),
            ("default", "greet", "0", "port"),
            ("default", "greet", "080", "port"),
            ("default", "greet", "65536", "port"),
            ("default", "greet", "no:port", "port"),
            ("default", "greet", "longer-than-fifteen", "port"),
        ] {
            let error = Key::try_new(namespace, service, port).unwrap_err();
            assert_eq!(error.field, field, "{namespace}/{service}:{port}");
        }
        for text in ["greet:1", "default/greet", ""] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
