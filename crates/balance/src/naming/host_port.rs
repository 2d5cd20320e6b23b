//! `host:port`.

use std::net::{IpAddr, Ipv6Addr};

use http::uri::Authority;

use crate::Address;

/// The port of a server when the target names none. Source: grpc/grpc `doc/naming.md`.
pub(super) const DEFAULT_PORT: u16 = 443;
/// The longest that a name and each part of it may be. Source: RFC 1035, section 2.3.4 (255 bytes on the wire, where each part has one more).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// A host and the port on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// As it was written.
    pub(crate) authority: Authority,
}

/// Whether there is anything to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Ip(IpAddr),
    Name(String),
}

impl HostPort {
    /// # Errors
    /// What is wrong, as the rest of a sentence that begins with the text.
    pub(super) fn parse(text: &str, default_port: u16) -> Result<Self, &'static str> {
        const NOT_HOST_PORT: &str = "is not host:port with a port from 1 to 65535";
        let (host, port) = split_port(text);
        let port = match port {
            None => default_port,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or(NOT_HOST_PORT)?
            }
            Some(_) => return Err(NOT_HOST_PORT),
        };
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let ip: Option<Ipv6Addr> = rest.strip_suffix(']').and_then(|ip| ip.parse().ok());
                Host::Ip(ip.ok_or("has brackets without an IPv6 address")?.into())
            }
            None if host.contains(':') => {
                return Err("has a colon in its host; an IPv6 address is written in brackets");
            }
            None => match host.parse() {
                Ok(ip) => Host::Ip(IpAddr::V4(ip)),
                Err(_) => Host::Name(checked_name(host).ok_or(NOT_HOST_PORT)?.to_owned()),
            },
        };
        Ok(Self { host, port, authority: text.parse().map_err(|_| NOT_HOST_PORT)? })
    }

    /// An IPv6 address that has neither brackets nor a port.
    pub(super) fn bare_ipv6(text: &str) -> Option<Self> {
        let ip: Ipv6Addr = text.parse().ok()?;
        let authority = format!("[{ip}]").parse().ok()?;
        Some(Self { host: Host::Ip(ip.into()), port: DEFAULT_PORT, authority })
    }

    pub(crate) fn address(&self) -> Address {
        match &self.host {
            Host::Ip(ip) => Address::Ip((*ip, self.port).into()),
            Host::Name(name) => Address::Name(name.clone(), self.port),
        }
    }
}

/// The colons inside brackets belong to the address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let after_brackets = text.rfind(']').map_or(0, |at| at + 1);
    match text[after_brackets..].rfind(':') {
        Some(at) => {
            let at = after_brackets + at;
            (&text[..at], Some(&text[at + 1..]))
        }
        None => (text, None),
    }
}

/// A name as DNS can have it, with the underscores that other name services like. One that ends in a number would be an IPv4 address with a slip in it.
fn checked_name(name: &str) -> Option<&str> {
    // The last dot says that the name is complete.
    let relative = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = relative.rsplit('.').next().unwrap_or_default();
    let is_name = relative.len() <= MAX_NAME
        && relative.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then_some(name)
}
