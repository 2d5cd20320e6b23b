use std::convert::Infallible;

use http::{HeaderMap, Request, Response};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;

/// What a handler sees of a request with these headers, and the id that its caller gets back.
async fn seen(
    allowed: &[&str],
    headers: &[(&'static str, &[u8])],
) -> (HeaderMap, Propagated, HeaderValue) {
    let inner = service_fn(|request: Request<()>| async move {
        let propagated = request.extensions().get::<Propagated>().unwrap().clone();
        Ok::<_, Infallible>(Response::new((request.headers().clone(), propagated)))
    });
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    let layer = MetadataLayer::new(AllowList::new(allowed.iter().copied()).unwrap());
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let id = response.headers()[REQUEST_ID].clone();
    let (headers, propagated) = response.into_body();
    (headers, propagated, id)
}

#[tokio::test]
async fn a_callers_own_id_is_kept_handed_on_and_sent_back() {
    let (headers, propagated, id) = seen(&[], &[("x-request-id", b"order-17")]).await;
    assert_eq!(id, "order-17");
    assert_eq!(headers[REQUEST_ID], "order-17");
    assert_eq!(propagated.request_id(), "order-17");
}

#[tokio::test]
async fn an_id_is_made_when_there_is_none_and_each_call_has_another() {
    let (_, propagated, first) = seen(&[], &[]).await;
    assert_eq!(first.len(), 16);
    assert!(first.as_bytes().iter().all(u8::is_ascii_alphanumeric), "{first:?}");
    assert_eq!(propagated.request_id(), first);
    assert_ne!(seen(&[], &[]).await.2, first);
}

#[test]
fn few_ids_that_are_made_take_a_place_in_hpacks_table() {
    let ids = (0..6400).map(|_| request_id::find_or_make(&mut HeaderMap::new()));
    let let_in = ids.filter(|id| !id.is_sensitive()).count();
    // A hundred, give or take six standard deviations.
    assert!((40..=160).contains(&let_in), "{let_in}");
}

#[tokio::test]
async fn an_id_that_could_forge_a_log_line_or_is_not_one_name_is_replaced() {
    let long = [b'x'; 129];
    let hostile: [&[(&str, &[u8])]; 5] = [
        &[("x-request-id", b"")],
        &[("x-request-id", b"two words")],
        &[("x-request-id", b"\xc2\x85")],
        &[("x-request-id", &long)],
        &[("x-request-id", b"one"), ("x-request-id", b"two")],
    ];
    for headers in hostile {
        let (seen, _, id) = seen(&[], headers).await;
        assert_eq!(id.len(), 16, "{headers:?}");
        assert!(!seen.contains_key(REQUEST_ID), "{headers:?}");
    }
    assert_eq!(seen(&[], &[("x-request-id", &long[..128])]).await.2.len(), 128);
}

#[tokio::test]
async fn only_the_headers_of_the_list_are_handed_on_all_their_values_in_order() {
    let headers: [(&str, &[u8]); 5] = [
        ("tenant", b"a"),
        ("secret", b"s"),
        ("tenant", b"b"),
        ("authorization", b"Bearer t"),
        ("trace-bin", b"AAE"),
    ];
    let (_, propagated, id) = seen(&["Tenant", "trace-bin", "absent"], &headers).await;
    let handed_on: Vec<_> =
        propagated.headers().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let value = HeaderValue::from_static;
    let expected = [
        ("x-request-id", id),
        ("tenant", value("a")),
        ("tenant", value("b")),
        ("trace-bin", value("AAE")),
    ];
    assert_eq!(handed_on, expected);
}

#[test]
fn credentials_and_what_belongs_to_a_hop_cannot_be_listed() {
    for name in
        ["authorization", "Cookie", "grpc-timeout", "te", "host", "dry-run", "x-forwarded-for"]
    {
        let error = AllowList::new(["tenant", name]).unwrap_err();
        assert_eq!(error, NotToBeHandedOn::Forbidden(name.to_owned()));
    }
    for name in ["", "two words", "ümlaut", ":path"] {
        let error = AllowList::new([name]).unwrap_err();
        assert_eq!(error, NotToBeHandedOn::NotAName(name.to_owned()));
    }
}
