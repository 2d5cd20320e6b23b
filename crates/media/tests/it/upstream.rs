//! The other server is down, says no, or misbehaves.

use tokio::net::TcpListener;
use tonic::Code;

use crate::support::{Names, Web, images, response, serve_resolving};

#[tokio::test]
async fn the_status_of_the_other_server_decides() {
    let down = (Code::Unavailable, "UPSTREAM_UNAVAILABLE".to_owned());
    let none = (Code::FailedPrecondition, "NOT_AN_IMAGE".to_owned());
    for (status, expected) in [
        (400, &none),
        (401, &none),
        (403, &none),
        (404, &none),
        (407, &none),
        (410, &none),
        (418, &none),
        (408, &down),
        (429, &down),
        (500, &down),
        (502, &down),
        (503, &down),
        (599, &down),
    ] {
        // Even when an image comes with it: it is the picture of an error.
        let web = Web::answering(response(status, "", &images::png())).await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.failure(web.url("/")).await, *expected, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = serve_resolving(
        Names::default(),
        &[&format!("--media-allow-cidr=127.0.0.1/32:{}", closed.port())],
    )
    .await;
    let failure = server.failure(format!("http://{closed}/a.png?key=secret")).await;
    assert_eq!(failure, (Code::Unavailable, "UPSTREAM_UNAVAILABLE".to_owned()));
}

#[tokio::test]
async fn what_is_not_http_is_unavailable() {
    for answer in [
        &b""[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02",
        b"HTTP/1.1 200",
        b"+PONG\r\n",
    ] {
        let web = Web::answering(answer).await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.failure(web.url("/")).await.0, Code::Unavailable, "{answer:?}");
    }
}

#[tokio::test]
async fn headers_without_end_are_cut_off() {
    // One line that never ends, and lines that never end.
    for line in [&b"a"[..], b"header: value\r\n"] {
        let piece = line.repeat(16 * 1024 / line.len());
        let web = Web::start(move |mut exchange| {
            let piece = piece.clone();
            async move {
                exchange.send(b"HTTP/1.1 200 OK\r\nx: ").await?;
                loop {
                    exchange.send(&piece).await?;
                }
            }
        })
        .await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.failure(web.url("/")).await.0, Code::Unavailable);
        web.all_ended().await;
        assert!(web.sent() < 32 * 1024 * 1024, "{} bytes were sent", web.sent());
    }
}

#[tokio::test]
async fn more_than_a_hundred_header_lines_are_refused() {
    for (lines, is_fine) in [(90, true), (110, false)] {
        let web = Web::answering(response(200, &"x: y\r\n".repeat(lines), &images::png())).await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.download(web.url("/")).await.is_ok(), is_fine, "{lines} lines");
    }
}

#[tokio::test]
async fn interim_responses_without_end_end_at_the_limit_of_time() {
    let web = Web::start(|mut exchange| async move {
        loop {
            exchange.send(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)).await?;
        }
    })
    .await;
    let server =
        serve_resolving(Names::default(), &[&web.allowed(), "--media-timeout=300ms"]).await;
    assert_eq!(server.failure(web.url("/")).await.0, Code::Unavailable);
    web.all_ended().await;
}
