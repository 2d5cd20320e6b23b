//! Which addresses and ports may be connected to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::MediaArgs;
use crate::address::{embeds_ipv4, is_public};
use crate::error::Refusal;

/// The ports that are open without being asked for.
const WEB_PORTS: [u16; 2] = [80, 443];

/// Decides on addresses. It never sees a URL, and what it passes is what is connected to.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    ranges: Vec<AllowRange>,
    ports: Vec<u16>,
}

impl Policy {
    pub(crate) fn new(args: &MediaArgs) -> Self {
        let ports = WEB_PORTS.iter().chain(&args.media_allow_port).copied().collect();
        Self { ranges: args.media_allow_cidr.clone(), ports }
    }

    /// Decides on names that need no lookup: this machine, and names that spell an IPv4 address in front of a domain, which wildcard
    /// services such as nip.io resolve to that address and which lenient parsers take for it.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let labels = name.split('.').collect::<Vec<_>>();
        let is_local = labels.last().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
        let spells_address =
            labels.windows(4).any(|four| four.iter().all(|label| is_number(label)));
        if is_local || spells_address { Err(Refusal::Name) } else { Ok(()) }
    }

    /// Decides on an address and port.
    pub(crate) fn check(&self, address: SocketAddr) -> Result<(), Refusal> {
        // Not even an allowed range opens these: 127.0.0.0/8 or ::/0 would otherwise open more than they say.
        let hides_ipv4 = matches!(address.ip(), IpAddr::V6(ip) if embeds_ipv4(ip));
        let port_is_open = self.ports.contains(&address.port());
        let is_open = is_public(address.ip()) && port_is_open
            || self.ranges.iter().any(|range| range.opens(address, port_is_open));
        if is_open && !hides_ipv4 { Ok(()) } else { Err(Refusal::Address(address)) }
    }

    /// Decides on all that a host resolves to. One bad address among good ones is an attack or a mistake, and refuses them all.
    pub(crate) fn check_all(&self, addresses: &[SocketAddr]) -> Result<(), Refusal> {
        if addresses.is_empty() {
            return Err(Refusal::NoAddress);
        }
        addresses.iter().try_for_each(|&address| self.check(address))
    }
}

/// A part of a number as the WHATWG URL standard reads them: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// A range of addresses that may be fetched from although it is not public: `10.1.0.0/16`, or `127.0.0.1/32:9000` for one port of it.
///
/// An IPv4 range does not open the IPv6 addresses that embed it, and no range opens any of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowRange {
    addresses: IpNet,
    port: Option<u16>,
}

/// A text that is no [`AllowRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses; write 10.1.0.0/16, or 127.0.0.1/32:9000 for one port of it")]
pub struct InvalidRange;

impl AllowRange {
    /// A range on one port, or on every port that is open anyway.
    pub fn new(addresses: IpNet, port: Option<u16>) -> Self {
        Self { addresses, port }
    }

    fn opens(&self, address: SocketAddr, port_is_open: bool) -> bool {
        let port_fits = self.port.map_or(port_is_open, |port| port == address.port());
        port_fits && self.addresses.contains(&address.ip())
    }
}

impl FromStr for AllowRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let (address, rest) = text.split_once('/').ok_or(InvalidRange)?;
        let (prefix, port) = match rest.split_once(':') {
            Some((prefix, port)) => {
                (prefix, Some(port.parse().ok().filter(|&port| port > 0).ok_or(InvalidRange)?))
            }
            None => (rest, None),
        };
        let address = address.parse().map_err(|_| InvalidRange)?;
        let prefix = prefix.parse().map_err(|_| InvalidRange)?;
        Ok(Self::new(IpNet::new(address, prefix).map_err(|_| InvalidRange)?, port))
    }
}

impl fmt::Display for AllowRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(formatter, "{}:{port}", self.addresses),
            None => self.addresses.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(ranges: &[&str], ports: &[u16]) -> Policy {
        let ranges = ranges.iter().map(|range| range.parse().unwrap()).collect();
        Policy { ranges, ports: WEB_PORTS.iter().chain(ports).copied().collect() }
    }

    fn opens(policy: &Policy, address: &str) -> bool {
        policy.check(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn the_public_internet_is_open_on_web_ports_and_those_that_are_allowed() {
        let policy = policy(&[], &[8080]);
        for address in ["8.8.8.8:80", "8.8.8.8:443", "8.8.8.8:8080", "[2606:4700::1111]:443"] {
            assert!(opens(&policy, address), "{address}");
        }
        for address in ["8.8.8.8:22", "8.8.8.8:0", "127.0.0.1:80", "10.0.0.1:8080", "[::1]:80"] {
            assert!(!opens(&policy, address), "{address}");
        }
    }

    #[test]
    fn a_range_opens_its_addresses_on_its_port_or_on_open_ports() {
        let policy = policy(&["127.0.0.1/32:9000", "10.1.0.0/16", "fd00::/8:81"], &[8080]);
        for address in ["127.0.0.1:9000", "10.1.2.3:80", "10.1.255.255:8080", "[fd00:ec2::254]:81"]
        {
            assert!(opens(&policy, address), "{address}");
        }
        for address in [
            "127.0.0.1:80",
            "127.0.0.1:9001",
            "127.0.0.2:9000",
            "8.8.8.8:9000",
            "10.1.2.3:9000",
            "10.2.0.0:80",
            "[fd00::1]:80",
        ] {
            assert!(!opens(&policy, address), "{address}");
        }
    }

    #[test]
    fn no_range_opens_ipv6_addresses_that_embed_ipv4() {
        let policy = policy(
            &["127.0.0.0/8", "0.0.0.0/0", "::/0", "::ffff:0:0/96", "64:ff9b::/96", "2002::/16"],
            &[],
        );
        for host in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!opens(&policy, &format!("[{host}]:80")), "{host}");
        }
        assert!(
            opens(&policy, "127.0.0.1:80")
                && opens(&policy, "[fe80::1]:80")
                && opens(&policy, "[::1]:80")
        );
    }

    #[test]
    fn one_bad_address_among_good_ones_refuses_them_all() {
        let policy = policy(&[], &[]);
        let [good, other, bad] =
            ["8.8.8.8:80", "[2606:4700::1111]:80", "10.0.0.1:80"].map(|text| text.parse().unwrap());
        assert!(policy.check_all(&[good, other]).is_ok());
        assert!(policy.check_all(&[good, bad]).is_err());
        assert!(policy.check_all(&[bad, good]).is_err());
        assert!(policy.check_all(&[]).is_err());
    }

    #[test]
    fn names_of_this_machine_and_names_that_spell_an_address_are_refused() {
        let policy = policy(&[], &[]);
        for name in [
            "localhost",
            "localhost.",
            "LocalHost",
            "a.localhost",
            "169.254.169.254.nip.io",
            "0x7f.0.0.1.example.com",
            "www.0177.0.0.01.example.com",
            "10.0.0.1.sslip.io.",
        ] {
            assert!(policy.check_name(name).is_err(), "{name}");
        }
        for name in [
            "example.com",
            "localhost.example.com",
            "1.2.3.example.com",
            "4.images.example",
            "0xg.1.2.3.example",
        ] {
            assert!(policy.check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn ranges_are_read_and_shown_alike() {
        for text in ["10.1.0.0/16", "127.0.0.1/32:9000", "fd00::/8", "fd00::/8:81"] {
            assert_eq!(text.parse::<AllowRange>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "10.1.0.0",
            "10.1.0.0/33",
            "10.1.0.0/16:",
            "10.1.0.0/16:0",
            "10.1.0.0/16:65536",
            "localhost/8",
            "[::1]/128",
        ] {
            assert_eq!(text.parse::<AllowRange>(), Err(InvalidRange), "{text}");
        }
    }
}
