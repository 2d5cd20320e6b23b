use std::path::PathBuf;

use super::{Place, Target};
use crate::Address;

fn parse(text: &str) -> Target {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The addresses of a list, or the host of a name in DNS.
fn addresses(target: &Target) -> Vec<String> {
    match target.place() {
        Place::Dns { host, .. } => vec![host.address().to_string()],
        Place::List(list) => list.iter().map(|one| one.address().to_string()).collect(),
        Place::Socket(address) => vec![address.to_string()],
        Place::Other => Vec::new(),
    }
}

#[test]
fn the_forms_of_the_naming_document_are_read() {
    for (text, scheme, expected) in [
        ("localhost:50051", "dns", &["localhost:50051"][..]),
        ("greet", "dns", &["greet:443"]),
        ("dns:///greet:50051", "dns", &["greet:50051"]),
        ("dns:greet:50051", "dns", &["greet:50051"]),
        ("dns:/greet:50051", "dns", &["greet:50051"]),
        ("DNS:///greet", "dns", &["greet:443"]),
        (
            "my_service.default.svc.cluster.local.:1",
            "dns",
            &["my_service.default.svc.cluster.local.:1"],
        ),
        ("dns:///greet%3A50051", "dns", &["greet:50051"]),
        ("10.0.0.1:50051", "dns", &["10.0.0.1:50051"]),
        ("[::1]:50051", "dns", &["[::1]:50051"]),
        ("[::1]", "dns", &["[::1]:443"]),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", "ipv4", &["127.0.0.1:1", "127.0.0.1:2"]),
        ("ipv4:///127.0.0.1", "ipv4", &["127.0.0.1:443"]),
        ("ipv6:[::1]:1", "ipv6", &["[::1]:1"]),
        (
            "ipv6:[2607:f8b0:400e:c00::ef]:443,[::]:1234,::1",
            "ipv6",
            &["[2607:f8b0:400e:c00::ef]:443", "[::]:1234", "[::1]:443"],
        ),
        ("static:a:1, b:2,10.0.0.1:3", "static", &["a:1", "b:2", "10.0.0.1:3"]),
        ("unix:relative.sock", "unix", &["unix:relative.sock"]),
        ("unix:/run/greet.sock", "unix", &["unix:/run/greet.sock"]),
        ("unix:///run/with%20space.sock", "unix", &["unix:/run/with space.sock"]),
    ] {
        let target = parse(text);
        assert_eq!(target.scheme(), scheme, "{text}");
        assert_eq!(addresses(&target), expected, "{text}");
        assert_eq!(target.to_string(), text);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_socket_has_a_null_byte_in_front() {
    let target = parse("unix-abstract:greet");
    assert_eq!(target.place(), &Place::Socket(Address::Unix(PathBuf::from("\0greet"))));
    assert_eq!(addresses(&target), ["unix-abstract:greet"]);
}

#[test]
fn the_authority_of_a_dns_target_is_the_name_server() {
    for (text, expected) in [
        ("dns:///greet:1", None),
        ("dns://10.0.0.53/greet:1", Some("10.0.0.53:53")),
        ("dns://10.0.0.53:5353/greet:1", Some("10.0.0.53:5353")),
        ("dns://[::1]:5353/greet:1", Some("[::1]:5353")),
        ("dns://[::1]/greet:1", Some("[::1]:53")),
    ] {
        let target = parse(text);
        let Place::Dns { server, .. } = target.place() else { panic!("{text}") };
        assert_eq!(*server, expected.map(|server| server.parse().unwrap()), "{text}");
    }
}

#[test]
fn the_parts_of_other_schemes_are_kept_for_their_resolvers() {
    for (text, scheme, authority, path) in [
        ("lookaside:///greet", "lookaside", "", "greet"),
        ("lookaside://balancer:50055/greet", "lookaside", "balancer:50055", "greet"),
        ("k8s:default/greet:grpc", "k8s", "", "default/greet:grpc"),
        ("K8S:///default/greet", "k8s", "", "default/greet"),
        ("my+scheme.2:a%2Fb%20c", "my+scheme.2", "", "a/b c"),
        ("http://greet:50051", "http", "greet:50051", ""),
        ("greet:http", "greet", "", "http"),
    ] {
        let target = parse(text);
        let parts = (target.scheme(), target.uri_authority(), target.path());
        assert_eq!(parts, (scheme, authority, path), "{text}");
    }
}

#[test]
fn calls_name_the_server_as_the_target_does() {
    for (text, expected) in [
        ("greet", "greet"),
        ("greet:50051", "greet:50051"),
        ("dns://10.0.0.53/greet:50051", "greet:50051"),
        ("[::1]:1", "[::1]:1"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "10.0.0.1:1"),
        ("unix:/run/greet.sock", "localhost"),
        ("lookaside:///greet", "greet"),
        ("k8s:///default/greet", "localhost"),
    ] {
        assert_eq!(parse(text).default_authority(), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_target_is_named() {
    let long_label = "a".repeat(64);
    let long_name = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63)].join(".");
    let long_path = format!("unix:/{}", "a".repeat(108));
    for (text, part) in [
        ("", "''"),
        ("greet:0", "'greet:0'"),
        ("greet:99999", "'greet:99999'"),
        ("greet:", "'greet:'"),
        ("dns:///", "''"),
        ("dns:///greet:+80", "'greet:+80'"),
        ("dns:50051", "'50051'"),
        ("10.0.0.256:1", "'10.0.0.256:1'"),
        ("a..b:1", "'a..b:1'"),
        ("gr\u{fc}\u{df}:1", "'gr\u{fc}\u{df}:1'"),
        ("greet/path", "'greet/path'"),
        (&long_label, "aaa"),
        (&long_name, "aaa"),
        ("static:a:1,,b:2", "''"),
        ("::1:50051", "brackets"),
        ("[::1", "'[::1'"),
        ("[greet]:1", "'[greet]:1' in target"),
        ("ipv4:[::1]:1", "not an IPv4"),
        ("ipv4:greet:1", "not an IPv4"),
        ("ipv6:127.0.0.1:1", "not an IPv6"),
        ("ipv4://127.0.0.1:1", "write ipv4:"),
        ("dns://8.8.8.8.example/greet:1", "name server"),
        ("dns://ns:53/greet:1", "'ns:53'"),
        ("ht_tp://greet:50051", "'ht_tp'"),
        ("://greet:50051", "''"),
        ("dns:///gr%zzet:1", "%25"),
        ("lookaside:///%ff", "UTF-8"),
        ("lookaside:///greet?zone=a", "'?zone=a'"),
        ("lookaside:///greet#a", "%23"),
        ("unix:", "''"),
        ("unix://run/greet.sock", "'run'"),
        ("unix:a%00b", "Unix domain socket"),
        (&long_path, "Unix domain socket"),
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn every_host_and_port_is_an_authority() {
    assert_eq!(parse("static:a:1,10.0.0.1").authorities(), ["a:1", "10.0.0.1:443"]);
    assert_eq!(parse("greet").authorities(), ["greet:443"]);
    assert!(parse("unix:a").authorities().is_empty());
}
