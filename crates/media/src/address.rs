//! Which addresses belong to the public internet.
//!
//! Source: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890), read strictly. Of IPv6 only `2000::/3`, the
//! one block that is given out, can be public, so that ranges nobody has thought of are not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Whether an address belongs to the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST_V6.contains(&address)
                && !NOT_PUBLIC_V6.iter().any(|range| range.contains(&address))
                && !embeds_ipv4(address)
        }
    }
}

/// Whether an IPv6 address carries an IPv4 address that a host, relay or translator on the way would go on to.
pub(crate) fn embeds_ipv4(address: Ipv6Addr) -> bool {
    // ::1 lies among the IPv4-compatible addresses and is not one (RFC 4291, section 2.5.5.1).
    !address.is_loopback() && EMBEDS_IPV4.iter().any(|range| range.contains(&address))
}

const NOT_PUBLIC_V4: &[Ipv4Net] = &[
    v4(0, 0, 0, 0, 8),        // "this network"; 0.0.0.0 reaches the machine itself
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carrier-grade NAT; clouds keep services here
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // Azure's platform service: an address of the public range that never leaves the machine
    v4(169, 254, 0, 0, 16),   // link-local; the metadata service of most clouds
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments; the metadata service of Oracle's cloud
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // relays from 6to4, deprecated
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, and broadcast
];

const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Within [`GLOBAL_UNICAST_V6`]; everything outside it needs no mention.
const NOT_PUBLIC_V6: &[Ipv6Net] = &[
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarks, ORCHID
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), // 6bone, given back
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

const EMBEDS_IPV4: &[Ipv6Net] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96),      // IPv4-compatible, deprecated
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), // IPv4-mapped
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), // IPv4-translated (RFC 2765)
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), // NAT64
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), // NAT64 for use within a network
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), // Teredo
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(groups: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = groups;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_last_address_of_every_special_range_is_not_public() {
        for range in NOT_PUBLIC_V4 {
            for address in [range.network(), range.broadcast()] {
                assert!(!is_public(address.into()), "{address}");
            }
        }
        for range in NOT_PUBLIC_V6.iter().chain(EMBEDS_IPV4) {
            for address in [range.network(), range.broadcast()] {
                assert!(!is_public(address.into()), "{address}");
            }
        }
    }

    #[test]
    fn the_neighbours_of_special_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "3ffd::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn ipv6_outside_of_what_is_given_out_is_not_public() {
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:808:808::1",
            "3ffe::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
