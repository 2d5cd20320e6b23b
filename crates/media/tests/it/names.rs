//! Names, asked for over DNS.

use tonic::Code;

use crate::support::{NameServer, Web, images, response, serve};

#[tokio::test]
async fn names_are_resolved_and_their_addresses_checked() {
    let web = Web::answering(response(200, "", &images::png())).await;
    let names = NameServer::start().await;
    let name_server = format!("--media-name-server={}", names.address);
    let server = serve(&[&web.allowed(), &name_server, "--media-timeout=2s"]).await;
    let port = web.address.port();
    let host = format!("host: a127-0-0-1.example.com:{port}\r\n");
    assert!(server.download(format!("http://a127-0-0-1.Example.com:{port}/")).await.is_ok());
    assert!(web.requests()[0].contains(&host), "{}", web.requests()[0]);
    let label_of_64_bytes = "a".repeat(64);
    for (name, expected) in [
        ("a127-0-0-2.example.com", Code::PermissionDenied),
        ("a169-254-169-254.example.com", Code::PermissionDenied),
        ("nx.example.com", Code::PermissionDenied),
        ("empty.example.com", Code::PermissionDenied),
        (&format!("{label_of_64_bytes}.example.com"), Code::PermissionDenied),
        ("fail.example.com", Code::Unavailable),
        ("silent.example.com", Code::Unavailable),
    ] {
        assert_eq!(server.failure(format!("http://{name}:{port}/")).await.0, expected, "{name}");
    }
    assert_eq!(web.requests().len(), 1);
}
