//! What a container knows of itself from two files that every engine writes.

use std::fs;

/// The name and the first IP address of this machine; empty where there is none to be found.
pub(crate) fn name_and_ip() -> (String, String) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let name = read("/etc/hostname").trim().to_owned();
    let ip = ip_of(&name, &read("/etc/hosts")).unwrap_or_default().to_owned();
    (name, ip)
}

/// Source: hosts(5): an address, then its names; `#` begins a comment.
fn ip_of<'a>(name: &str, hosts: &'a str) -> Option<&'a str> {
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let ip = words.next()?;
        words.any(|word| word == name).then_some(ip)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_the_line_with_the_name() {
        let hosts = "127.0.0.1\tlocalhost\n# 10.0.0.1 a1b2\n::1 localhost ip6-loopback\n172.18.0.5\tother a1b2\n172.19.0.5 a1b2\n";
        assert_eq!(ip_of("a1b2", hosts), Some("172.18.0.5"));
        assert_eq!(ip_of("a1b", hosts), None, "part of a name is another name");
        assert_eq!(ip_of("", hosts), None);
    }
}
