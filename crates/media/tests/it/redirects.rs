//! Redirects are followed by hand, and every hop is checked.

use tonic::Code;

use crate::support::{Decoy, Names, Web, images, response, serve_resolving};

/// Redirects `/N` to `/N-1` with the given status, and serves an image at `/0`.
async fn countdown(status: u16) -> Web {
    Web::start(move |mut exchange| async move {
        let answer = match exchange.path()[1..].parse::<u32>().unwrap() {
            0 => response(200, "", &images::png()),
            left => response(
                status,
                &format!("location: /{}\r\nset-cookie: a=b\r\n", left - 1),
                b"elsewhere",
            ),
        };
        exchange.send(&answer).await
    })
    .await
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_refused() {
    for status in [301, 302, 303, 307, 308] {
        let web = countdown(status).await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(
            server.download(web.url("/3")).await.unwrap(),
            (images::WIDTH, images::HEIGHT),
            "{status}"
        );
        assert_eq!(web.requests().len(), 4);
        assert_eq!(server.failure(web.url("/4")).await.0, Code::PermissionDenied, "{status}");
        assert_eq!(web.requests().len(), 8);
    }
}

#[tokio::test]
async fn a_redirect_to_the_inside_is_refused_in_every_form() {
    let decoy = Decoy::new();
    let port = decoy.port();
    for location in [
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://inside.example:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let web =
                Web::answering(response(status, &format!("location: {location}\r\n"), b"")).await;
            let names = Names::default().answer("inside.example", &["127.0.0.1"]);
            let open = format!("--media-allow-port={port}");
            let server = serve_resolving(names, &[&web.allowed(), &open]).await;
            let refused = server.failure(web.url("/")).await;
            assert_eq!(
                refused,
                (Code::PermissionDenied, "URL_REFUSED".to_owned()),
                "{status} to {location}"
            );
            assert!(decoy.is_untouched(), "{status} to {location}");
        }
    }
}

#[tokio::test]
async fn a_redirect_without_a_location_is_no_image() {
    let server_answers = [
        response(302, "", &images::png()),
        response(300, "location: /a\r\n", b""),
        response(304, "", b""),
    ];
    for answer in server_answers {
        let web = Web::answering(answer).await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.failure(web.url("/")).await.0, Code::FailedPrecondition);
        assert_eq!(web.requests().len(), 1);
    }
}

#[tokio::test]
async fn requests_carry_nothing_of_the_caller_or_of_the_hop_before() {
    let web = countdown(302).await;
    let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
    server.download(web.url("/1")).await.unwrap();
    for (index, head) in web.requests().iter().enumerate() {
        let mut lines = head.trim_end().split("\r\n").map(str::to_lowercase).collect::<Vec<_>>();
        lines.sort();
        let host = format!("host: {}", web.address);
        let request = format!("get /{} http/1.1", 1 - index);
        let user_agent = concat!("user-agent: wayside-media/", env!("CARGO_PKG_VERSION"));
        let accept = "accept: image/png, image/jpeg, image/gif, image/webp";
        assert_eq!(lines, ["accept-encoding: identity", accept, &request, &host, user_agent]);
    }
}
