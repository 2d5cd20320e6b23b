use std::convert::Infallible;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::super::*;
use crate::admission::AdmittedBody;
use crate::admission::testing::{Fed, Feed, Told, answer, call, fed, retry_info, told};
use crate::selector::Selector;

type Stream = (Feed, AdmittedBody<Fed, Option<InFlight>>);

/// A call whose stream goes on until it is dropped, or refused.
async fn begin(layer: &LoadShedLayer, path: &str) -> Result<Stream, Told> {
    let feeds = Mutex::new(None);
    let inner = service_fn(|_: Request<()>| {
        let (feed, body) = fed();
        *feeds.lock().unwrap() = Some(feed);
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = layer.layer(inner).oneshot(call(path)).await.unwrap();
    match told(&response) {
        Some(told) => Err(told),
        None => Ok((feeds.lock().unwrap().take().unwrap(), response.into_body())),
    }
}

fn load(layer: &LoadShedLayer) -> (u32, u32, u64) {
    let load = layer.load("/a.B/C").unwrap();
    (load.limit, load.in_flight, load.shed)
}

#[tokio::test]
async fn calls_over_the_limit_are_unavailable_and_told_when_to_come_back() {
    let layer = LoadShedLayer::new(Limit::Fixed(2));
    let one = begin(&layer, "/a.B/C").await.unwrap();
    let _two = begin(&layer, "/a.B/D").await.unwrap();
    let told = begin(&layer, "/a.B/C").await.unwrap_err();
    assert_eq!(
        (&*told.code, &*told.message),
        ("14", "the server is overloaded, please retry later")
    );
    assert!((100..=125).contains(&told.pushback_ms.unwrap()), "{told:?}");
    assert_eq!(load(&layer), (2, 2, 1));
    drop(one);
    assert_eq!(load(&layer), (2, 1, 1));
    let _three = begin(&layer, "/a.B/C").await.expect("one has ended");
    let response = layer.layer(service_fn(answer)).oneshot(call("/a.B/C")).await.unwrap();
    assert!(retry_info(&response).is_some());
    let plain = layer.layer(service_fn(answer)).oneshot(Request::new(())).await.unwrap();
    assert_eq!(
        (plain.status().as_u16(), &plain.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
}

#[tokio::test]
async fn a_stream_is_in_flight_until_its_end() {
    let layer = LoadShedLayer::new(Limit::Fixed(1));
    let (feed, mut body) = begin(&layer, "/a.B/C").await.unwrap();
    feed.send(Ok(Frame::data(Bytes::from_static(b"x")))).await.unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(load(&layer), (1, 1, 0));
    drop(feed);
    assert!(body.frame().await.is_none());
    assert_eq!(load(&layer), (1, 0, 0), "though the body is still there");
    let (_feed, body) = begin(&layer, "/a.B/C").await.unwrap();
    drop(body);
    assert_eq!(load(&layer), (1, 0, 0), "dropped half way");
}

#[tokio::test]
async fn calls_that_are_given_up_or_panic_are_no_longer_in_flight() {
    for limit in [Limit::Fixed(1), Limit::adaptive()] {
        let layer = LoadShedLayer::new(limit);
        let never = service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<Fed>, Infallible>>()
        });
        let mut pending = Box::pin(layer.layer(never).oneshot(call("/a.B/C")));
        assert!(futures_util::poll!(&mut pending).is_pending());
        assert_eq!(load(&layer).1, 1);
        drop(pending);
        assert_eq!(load(&layer).1, 0, "given up");

        let panicking = service_fn(|_: Request<()>| async {
            panic!("a handler") as Result<Response<Fed>, Infallible>
        });
        let service = layer.layer(panicking);
        assert!(tokio::spawn(service.oneshot(call("/a.B/C"))).await.unwrap_err().is_panic());
        assert_eq!(load(&layer).1, 0, "panicked");
    }
}

#[tokio::test]
async fn health_checks_and_reflection_pass_while_everything_else_is_shed() {
    for limit in [Limit::Fixed(0), Limit::Fixed(1)] {
        let layer = LoadShedLayer::new(limit);
        let _busy = begin(&layer, "/a.B/C").await;
        assert!(begin(&layer, "/a.B/C").await.is_err());
        for path in [
            "/grpc.health.v1.Health/Check",
            "/grpc.health.v1.Health/Watch",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(begin(&layer, path).await.is_ok(), "{path}");
            assert_eq!(layer.load(path), None);
        }
    }
}

#[tokio::test]
async fn methods_share_a_limit_exactly_if_they_share_an_entry() {
    let limits = Selector::builder(Some(Limit::adaptive()))
        .on("/a.B/*", Some(Limit::Fixed(1)))
        .on("/c.D/*", None)
        .build()
        .unwrap();
    let layer = LoadShedLayer::per_method(limits);
    let _get = begin(&layer, "/a.B/Get").await.unwrap();
    assert!(begin(&layer, "/a.B/Put").await.is_err());
    let _other = begin(&layer, "/e.F/Get").await.unwrap();
    assert_eq!(layer.load("/a.B/Put").unwrap(), Load { limit: 1, in_flight: 1, shed: 1 });
    assert_eq!(layer.load("").unwrap(), Load { limit: 20, in_flight: 1, shed: 0 });
    assert_eq!(layer.load("/c.D/Get"), None);
}
