use std::convert::Infallible;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::admission::testing::{Fed, Feed, call, call_from, fed, told};
use crate::admission::{AdmittedBody, by_peer};
use crate::selector::{HEALTH, Selector};

/// A call whose stream goes on until it is dropped, or refused.
async fn begin(
    layer: &ConcurrencyLayer,
    request: Request<()>,
) -> Result<(Feed, AdmittedBody<Fed, Option<Slot>>), String> {
    let feeds = Mutex::new(None);
    let inner = service_fn(|_: Request<()>| {
        let (feed, body) = fed();
        *feeds.lock().unwrap() = Some(feed);
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    match told(&response) {
        Some(told) => Err(format!("{} {}", told.code, told.message)),
        None => Ok((feeds.lock().unwrap().take().unwrap(), response.into_body())),
    }
}

#[tokio::test]
async fn each_caller_has_so_many_calls_in_flight_and_no_more() {
    let layer = ConcurrencyLayer::new(Some(2), by_peer);
    let from = |address| begin(&layer, call_from(address, "/a.B/C"));
    let first = from("1.1.1.1:1").await.unwrap();
    let _second = from("1.1.1.1:2").await.unwrap();
    let refused = from("1.1.1.1:3").await.unwrap_err();
    assert_eq!(refused, "8 /a.B/C allows each caller 2 calls at a time");
    let _other = from("2.2.2.2:1").await.expect("another caller");
    drop(first);
    let _third = from("1.1.1.1:1").await.expect("one has ended");
    assert!(from("1.1.1.1:1").await.is_err());
    let _nobody = begin(&layer, call("/a.B/C")).await.expect("nobody is not bounded");
}

#[tokio::test]
async fn a_stream_is_in_flight_until_its_end() {
    let layer = ConcurrencyLayer::new(Some(1), by_peer);
    let from = || begin(&layer, call_from("1.1.1.1:1", "/a.B/C"));
    let (feed, mut body) = from().await.unwrap();
    feed.send(Ok(Frame::data(Bytes::from_static(b"x")))).await.unwrap();
    body.frame().await.unwrap().unwrap();
    assert!(from().await.is_err(), "the stream goes on");
    drop(feed);
    assert!(body.frame().await.is_none());
    assert!(from().await.is_ok());
}

#[tokio::test]
async fn methods_share_a_bound_exactly_if_they_share_an_entry() {
    let limits = Selector::builder(Some(1))
        .on("/a.B/*", Some(1))
        .on("/a.B/Off", Some(0))
        .on(HEALTH, None)
        .build()
        .unwrap();
    let layer = ConcurrencyLayer::new(limits, by_peer);
    let of = |path| begin(&layer, call_from("1.1.1.1:1", path));
    let _get = of("/a.B/Get").await.unwrap();
    assert!(of("/a.B/Put").await.is_err());
    assert!(of("/a.B/Off").await.is_err());
    assert_eq!(layer.known("/a.B/Off"), 0);
    let _other = of("/c.D/Get").await.unwrap();
    let _health =
        [of("/grpc.health.v1.Health/Check").await, of("/grpc.health.v1.Health/Check").await]
            .map(Result::unwrap);
}

#[tokio::test]
async fn a_caller_with_nothing_in_flight_takes_no_room() {
    let layer = ConcurrencyLayer::new(Some(2), by_peer);
    for third in 0..=255_u8 {
        for fourth in 0..=255_u8 {
            let address = format!("10.0.{third}.{fourth}:1");
            begin(&layer, call_from(&address, "/a.B/C")).await.unwrap();
        }
    }
    assert_eq!(layer.known("/a.B/C"), 0);
    let both = [begin(&layer, call_from("1.1.1.1:1", "/a.B/C")).await.unwrap(), {
        begin(&layer, call_from("1.1.1.1:1", "/a.B/C")).await.unwrap()
    }];
    assert_eq!(layer.known("/a.B/C"), 1);
    drop(both);
    assert_eq!(layer.known("/a.B/C"), 0);
}

#[tokio::test]
async fn callers_without_room_share_a_bound() {
    let layer = ConcurrencyLayer::up_to(2, Some(1), by_peer);
    let from = |address| begin(&layer, call_from(address, "/a.B/C"));
    let one = from("1.1.1.1:1").await.unwrap();
    let _two = from("2.2.2.2:1").await.unwrap();
    let three = from("3.3.3.3:1").await.expect("the shared bound");
    assert!(from("4.4.4.4:1").await.is_err());
    assert_eq!(layer.known("/a.B/C"), 2);
    drop(one);
    let _four = from("4.4.4.4:1").await.expect("there is room");
    assert!(from("5.5.5.5:1").await.is_err());
    drop(three);
    let _five = from("5.5.5.5:1").await.expect("the shared bound is free again");
    assert_eq!(layer.known("/a.B/C"), 2);
}
