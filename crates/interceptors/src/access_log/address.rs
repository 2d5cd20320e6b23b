//! Addresses as text.

use std::fmt::{self, Display, Formatter};
use std::net::{SocketAddr, SocketAddrV4};

/// `255.255.255.255:65535`
const MOST_BYTES: usize = 21;

/// Writes an address as it writes itself, in one piece: `std` goes through its machinery for each number, which takes as long as several fields of
/// the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) SocketAddr);

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SocketAddr::V4(address) => write_v4(*address, f),
            SocketAddr::V6(address) => address.fmt(f),
        }
    }
}

fn write_v4(address: SocketAddrV4, f: &mut Formatter<'_>) -> fmt::Result {
    let mut text = [0; MOST_BYTES];
    let mut length = 0;
    let mut push = |part: &[u8]| {
        text[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    };
    let mut digits = itoa::Buffer::new();
    for (octet, after) in address.ip().octets().into_iter().zip(*b"...:") {
        push(digits.format(octet).as_bytes());
        push(&[after]);
    }
    push(digits.format(address.port()).as_bytes());
    f.write_str(std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_the_standard_library_writes_it() {
        for text in [
            "0.0.0.0:0",
            "127.0.0.1:50051",
            "255.255.255.255:65535",
            "10.20.3.200:9",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[fe80::1%3]:80",
        ] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Address(address).to_string(), address.to_string());
        }
    }
}
