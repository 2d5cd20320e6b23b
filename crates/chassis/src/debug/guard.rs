use std::net::{IpAddr, Ipv6Addr};

/// Whether a request is for this machine by a name that is its own: an address, or a name without a dot.
///
/// A web page can have a browser call a name that belongs to the page and leads here (DNS rebinding), and could then read the answer. Such a name has a dot.
pub(super) fn is_own_name(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    if let Some((address, port)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        let is_port = port.is_empty() || port.starts_with(':');
        return is_port && address.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.parse::<IpAddr>().is_ok() || (!name.is_empty() && !name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_stranger_cannot_own_are_answered() {
        for host in ["127.0.0.1:9100", "[::1]:9100", "[::1]", "10.1.2.3", "localhost:9100", "greet"]
        {
            assert!(is_own_name(Some(host)), "{host}");
        }
        for host in [
            "evil.example:9100",
            "127.0.0.1.nip.io",
            "evil.example.",
            "[::1].evil.example]",
            "",
            ":9100",
        ] {
            assert!(!is_own_name(Some(host)), "{host}");
        }
        assert!(!is_own_name(None));
    }
}
