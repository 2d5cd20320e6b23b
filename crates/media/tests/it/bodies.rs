//! Bodies: as much as is needed is read, and no more.

use tokio::time::{Duration, interval};
use tonic::Code;

use crate::support::{Names, Web, images, response, serve_resolving};

const SIZE: (f64, f64) = (images::WIDTH, images::HEIGHT);

#[tokio::test]
async fn sizes_are_right_for_every_format() {
    for (name, image) in images::all() {
        let web = Web::answering(response(200, "content-type: text/plain\r\n", &image)).await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.download(web.url("/")).await.unwrap(), SIZE, "{name}");
    }
}

#[tokio::test]
async fn sizes_are_right_when_a_body_comes_byte_by_byte() {
    for (name, image) in [
        ("png", images::png()),
        ("gif", images::gif()),
        ("jpeg", images::jpeg(200)),
        ("webp", images::webp()),
    ] {
        let web = Web::start(move |mut exchange| {
            let image = image.clone();
            async move {
                exchange.send(&response(200, "", b"")).await?;
                for byte in image {
                    exchange.send(&[byte]).await?;
                    tokio::task::yield_now().await;
                }
                exchange.hung_up().await
            }
        })
        .await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        assert_eq!(server.download(web.url("/")).await.unwrap(), SIZE, "{name}");
    }
}

#[tokio::test]
async fn the_rest_of_a_body_is_never_downloaded() {
    const TOTAL: usize = 256 * 1024 * 1024;
    let web = Web::start(|mut exchange| async move {
        exchange
            .send(&response(200, &format!("content-length: {TOTAL}\r\n"), &images::jpeg(100_000)))
            .await?;
        for _ in 0..TOTAL / 65_536 {
            exchange.send(&[0; 65_536]).await?;
        }
        Ok(())
    })
    .await;
    let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
    assert_eq!(server.download(web.url("/")).await.unwrap(), SIZE);
    web.all_ended().await;
    // What is beyond the part that was read has got no further than the buffers of the two sockets.
    assert!(web.sent() < TOTAL / 10, "{} bytes were sent", web.sent());
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit_of_bytes() {
    let comments = [&[0xff, 0xfe, 0x40, 0][..], &[b' '; 0x3ffe]].concat();
    let web = Web::start(move |mut exchange| {
        let comments = comments.clone();
        async move {
            exchange.send(&response(200, "", b"\xff\xd8")).await?;
            loop {
                exchange.send(&comments).await?;
            }
        }
    })
    .await;
    for (option, limit) in
        [("--media-max-bytes=262144", "262144"), ("--media-max-bytes=10000", "10000")]
    {
        let server = serve_resolving(Names::default(), &[&web.allowed(), option]).await;
        let status = server.download(web.url("/")).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains(&format!("first {limit} bytes")), "{}", status.message());
        web.all_ended().await;
    }
}

#[tokio::test]
async fn the_size_is_found_up_to_the_last_byte_that_is_read() {
    let image = images::jpeg(1000);
    let web = Web::answering(response(200, "", &image)).await;
    // The frame header is 19 bytes with its marker, and the size is known after nine of them.
    let needed = image.len() - 10;
    for (bytes, is_found) in [(needed, true), (needed - 1, false)] {
        let server = serve_resolving(
            Names::default(),
            &[&web.allowed(), &format!("--media-max-bytes={bytes}")],
        )
        .await;
        assert_eq!(server.download(web.url("/")).await.is_ok(), is_found, "{bytes}");
    }
}

#[tokio::test]
async fn a_body_that_drips_or_stalls_ends_at_the_limit_of_time() {
    for drips in [true, false] {
        let web = Web::start(move |mut exchange| async move {
            exchange.send(&response(200, "", b"\xff\xd8\xff\xfe\xff\xff")).await?;
            if !drips {
                return exchange.hung_up().await;
            }
            let mut tick = interval(Duration::from_millis(10));
            loop {
                tick.tick().await;
                exchange.send(b" ").await?;
            }
        })
        .await;
        let server =
            serve_resolving(Names::default(), &[&web.allowed(), "--media-timeout=300ms"]).await;
        let ended = server.failure(web.url("/")).await;
        assert_eq!(ended, (Code::Unavailable, "UPSTREAM_UNAVAILABLE".to_owned()));
        web.all_ended().await;
    }
}

#[tokio::test]
async fn a_content_length_that_lies_changes_nothing() {
    let image = images::png();
    for (length, sent, expected) in [
        // Too long, with and without the part that matters.
        (1_000_000, image.len(), Ok(SIZE)),
        (1_000_000, 20, Err(Code::Unavailable)),
        (i64::MAX as usize, image.len(), Ok(SIZE)),
        // Too short, with and without the part that matters.
        (24, image.len(), Ok(SIZE)),
        (20, image.len(), Err(Code::FailedPrecondition)),
        (0, image.len(), Err(Code::FailedPrecondition)),
    ] {
        let web =
            Web::answering(response(200, &format!("content-length: {length}\r\n"), &image[..sent]))
                .await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        let result = server.download(web.url("/")).await.map_err(|status| status.code());
        assert_eq!(result, expected, "content-length {length}, {sent} bytes sent");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_unread() {
    for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "x"] {
        let web = Web::start(move |mut exchange| async move {
            // What it says of itself decides, before a byte of it is looked at or unpacked.
            let head = format!("content-encoding: {encoding}\r\n");
            exchange.send(&response(200, &head, &images::png())).await?;
            loop {
                exchange.send(&[0; 65_536]).await?;
            }
        })
        .await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        let refused = server.failure(web.url("/")).await;
        assert_eq!(refused, (Code::FailedPrecondition, "NOT_AN_IMAGE".to_owned()), "{encoding}");
        web.all_ended().await;
    }
    let web = Web::answering(response(200, "content-encoding: Identity\r\n", &images::png())).await;
    let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
    assert_eq!(server.download(web.url("/")).await.unwrap(), SIZE);
}

#[tokio::test]
async fn what_is_no_image_is_told_by_its_first_bytes() {
    for body in [&b"<!DOCTYPE html>"[..], b"", b"\x89PN", b"BM", b"root:x:0:0:", b"\x1f\x8b\x08"] {
        let web = Web::start(move |mut exchange| async move {
            exchange.send(&response(200, "content-type: image/png\r\n", body)).await?;
            if body.len() > 3 { exchange.hung_up().await } else { Ok(()) }
        })
        .await;
        let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
        let refused = server.failure(web.url("/")).await;
        assert_eq!(refused, (Code::FailedPrecondition, "NOT_AN_IMAGE".to_owned()), "{body:?}");
        web.all_ended().await;
    }
}
