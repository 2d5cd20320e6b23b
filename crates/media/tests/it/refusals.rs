//! Refusals, and what they tell.

use std::net::{IpAddr, Ipv4Addr};

use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{Decoy, Names, Web, images, response, serve_resolving};

#[tokio::test]
async fn a_refusal_tells_nothing_of_what_is_inside() {
    let decoy = Decoy::new();
    let port = decoy.port();
    let web = Web::start(move |mut exchange| async move {
        let location = match exchange.path() {
            "/open" => format!("http://127.0.0.1:{port}/"),
            "/closed" => "http://127.0.0.1:1/".to_owned(),
            "/name" => "http://inside.example/".to_owned(),
            "/scheme" => "ftp://example.com/".to_owned(),
            _ => "/endless".to_owned(),
        };
        exchange.send(&response(302, &format!("location: {location}\r\n"), b"")).await
    })
    .await;
    let names =
        Names::default().answer("inside.example", &["10.0.0.1"]).answer("nowhere.example", &[]);
    let server = serve_resolving(names, &[&web.allowed()]).await;
    let mut statuses = Vec::new();
    for url in [
        &format!("http://127.0.0.1:{port}/"),
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "http://8.8.8.8:22/",
        "http://localhost/",
        "http://inside.example/",
        "http://inside.example:8080/",
        "http://nowhere.example/",
        &web.url("/open"),
        &web.url("/closed"),
        &web.url("/name"),
        &web.url("/scheme"),
        &web.url("/endless"),
    ] {
        let status = server.download(url).await.expect_err(url);
        assert_eq!(status.code(), Code::PermissionDenied, "{url}");
        statuses.push((url.to_owned(), status.message().to_owned(), status.details().to_vec()));
    }
    for (url, message, details) in &statuses {
        assert_eq!(
            (message, details),
            (&statuses[0].1, &statuses[0].2),
            "{url} is told from {}",
            statuses[0].0
        );
    }
    assert!(decoy.is_untouched());
}

#[tokio::test]
async fn a_url_that_is_not_usable_is_refused_by_field() {
    let server = serve_resolving(Names::default(), &[]).await;
    for url in [
        "",
        "example.com",
        "ftp://example.com/",
        "http://u:p@example.com/",
        "http://example.com/#a",
    ] {
        let status = server.download(url).await.expect_err(url);
        assert_eq!(status.code(), Code::InvalidArgument, "{url}");
        assert!(status.message().starts_with("field url: "), "{}", status.message());
        assert_eq!(
            status.get_error_details().bad_request().unwrap().field_violations[0].field,
            "url"
        );
    }
}

#[tokio::test]
async fn a_name_with_one_bad_address_is_refused_whatever_the_order() {
    let web = Web::answering(response(200, "", &images::png())).await;
    let names = Names::default()
        .answer("good.example", &["127.0.0.1"])
        .answer("first.example", &["10.0.0.1", "127.0.0.1"])
        .answer("last.example", &["127.0.0.1", "10.0.0.1"])
        .answer("mapped.example", &["127.0.0.1", "::ffff:127.0.0.1"])
        .answer("v6.example", &["127.0.0.1", "::1"]);
    let server = serve_resolving(names, &[&web.allowed()]).await;
    let port = web.address.port();
    for name in ["first", "last", "mapped", "v6"] {
        let (code, _) = server.failure(format!("http://{name}.example:{port}/")).await;
        assert_eq!(code, Code::PermissionDenied, "{name}");
    }
    assert!(web.requests().is_empty());
    assert!(server.download(format!("http://good.example:{port}/")).await.is_ok());
}

/// A name that answers with a good address first and then with one of the inside, where a decoy listens on the same port.
async fn rebinding(web: &Web) -> (Names, Option<Decoy>) {
    let inside = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let names = Names::default()
        .answer("rebind.example", &["127.0.0.1"])
        .answer("rebind.example", &[&inside.to_string()]);
    (names, Decoy::at(inside, web.address.port()))
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
    let web = Web::answering(response(200, "", &images::png())).await;
    let (names, decoy) = rebinding(&web).await;
    let server = serve_resolving(names.clone(), &[&web.allowed()]).await;
    let url = format!("http://rebind.example:{}/", web.address.port());
    assert_eq!(server.download(&url).await.unwrap(), (images::WIDTH, images::HEIGHT));
    assert_eq!(
        names.asked(),
        ["rebind.example"],
        "a second lookup could have another answer than the checked one"
    );
    assert_eq!(server.failure(&url).await.0, Code::PermissionDenied, "the name leads inside now");
    assert!(decoy.is_none_or(|decoy| decoy.is_untouched()));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_between_redirects_is_checked_again() {
    let web = Web::answering(response(302, "location: /again\r\n", b"")).await;
    let (names, decoy) = rebinding(&web).await;
    let server = serve_resolving(names.clone(), &[&web.allowed()]).await;
    let (code, _) = server.failure(format!("http://rebind.example:{}/", web.address.port())).await;
    assert_eq!(code, Code::PermissionDenied);
    assert_eq!((web.requests().len(), names.asked().len()), (1, 2));
    assert!(decoy.is_none_or(|decoy| decoy.is_untouched()));
}
