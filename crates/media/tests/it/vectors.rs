//! Hostile URLs, against decoys that would notice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tonic::Code;

use crate::support::{Decoy, Names, serve_resolving};

const VECTORS: &str = include_str!("../ssrf-vectors.txt");

fn decoys() -> Vec<Decoy> {
    let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let decoys =
        addresses.into_iter().filter_map(|address| Decoy::at(address, 0)).collect::<Vec<_>>();
    assert!(!decoys.is_empty());
    decoys
}

/// The vector with a port on its authority, if it has one that a port fits on.
fn on_port(vector: &str, port: u16) -> Option<String> {
    let rest = vector.strip_prefix("http://")?;
    let authority = &rest[..rest.rfind('/')?];
    (!authority.ends_with("99999") && !authority.is_empty()).then(|| {
        let host = authority.strip_suffix(":8080").unwrap_or(authority);
        format!("http://{host}:{port}{}", &rest[authority.len()..])
    })
}

fn is_refusal(code: Code, reason: &str) -> bool {
    matches!(
        (code, reason),
        (Code::InvalidArgument, "url") | (Code::PermissionDenied, "URL_REFUSED")
    )
}

#[tokio::test]
async fn every_hostile_url_is_refused_and_reaches_nobody() {
    let decoys = decoys();
    // Names lead to the decoys as well, and their ports are open: only addresses can be what is refused.
    let names = Names::all_at([Ipv4Addr::LOCALHOST.into()]);
    let ports = decoys
        .iter()
        .map(|decoy| format!("--media-allow-port={}", decoy.port()))
        .collect::<Vec<_>>();
    let server =
        serve_resolving(names.clone(), &ports.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut refused = 0;
    for vector in VECTORS.lines() {
        let on_ports = decoys.iter().filter_map(|decoy| on_port(vector, decoy.port()));
        for url in std::iter::once(vector.to_owned()).chain(on_ports) {
            let (code, reason) = server.failure(&url).await;
            assert!(is_refusal(code, &reason), "{url}: {code:?} {reason}");
            assert!(decoys.iter().all(Decoy::is_untouched), "{url} reached a decoy");
            refused += 1;
        }
    }
    assert!(refused > VECTORS.lines().count(), "no vector was tried on the port of a decoy");
    // So the answers are the same with and without a name server that knows these names.
    assert_eq!(names.asked(), [""; 0]);
}

#[tokio::test]
async fn a_decoy_would_notice_if_its_address_were_open() {
    let decoy = Decoy::new();
    let open = [
        format!("--media-allow-port={}", decoy.port()),
        "--media-allow-cidr=127.0.0.0/8".to_owned(),
    ];
    let mut options = open.iter().map(String::as_str).collect::<Vec<_>>();
    options.push("--media-timeout=200ms");
    let server = serve_resolving(Names::default(), &options).await;
    for url in ["http://127.1/", "http://0x7f000001/"] {
        let (code, _) = server.failure(on_port(url, decoy.port()).unwrap()).await;
        assert_eq!(code, Code::Unavailable, "the decoy never answers");
        assert!(!decoy.is_untouched(), "{url}");
    }
}

#[tokio::test]
async fn an_open_ipv4_range_is_not_reached_through_ipv6_addresses_that_embed_it() {
    let decoy = Decoy::new();
    let open = [
        format!("--media-allow-port={}", decoy.port()),
        "--media-allow-cidr=127.0.0.0/8,::/0".to_owned(),
    ];
    let server =
        serve_resolving(Names::default(), &open.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
    for host in ["[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"] {
        let (code, _) = server.failure(format!("http://{host}:{}/", decoy.port())).await;
        assert_eq!(code, Code::PermissionDenied, "{host}");
        assert!(decoy.is_untouched(), "{host}");
    }
}
