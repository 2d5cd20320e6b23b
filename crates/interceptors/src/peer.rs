//! Who is at the other end of the connection.

use std::net::SocketAddr;

/// The address of the peer, put into a request's extensions by the server loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// Whether the peer is on this machine. An IPv4 address mapped into IPv6 counts as the IPv4 address that it is.
    pub fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_loopback_is_loopback_and_other_addresses_are_not() {
        for (address, expected) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(Peer(address.parse().unwrap()).is_loopback(), expected, "{address}");
        }
    }
}
