use std::convert::Infallible;
use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;

use super::super::{AuthLayer, Identity, KeysInMemory, Policy};
use super::*;
use crate::log_lines::Lines;
use crate::selector::HEALTH;

fn policy() -> Policy {
    Policy::builder()
        .public(HEALTH)
        .authenticated("/a.B/*")
        .roles("/a.B/Admin", ["admin", "operator"])
        .build()
        .unwrap()
}

fn request(path: &str, token: Option<&str>) -> Request<()> {
    let mut request = Request::builder().uri(path).header("content-type", "application/grpc");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(()).unwrap()
}

type Frames = StreamBody<
    futures_util::stream::Iter<std::array::IntoIter<Result<Frame<Bytes>, Infallible>, 3>>,
>;

/// Two messages and a status that says who called.
fn stream(subject: &str) -> Response<Frames> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    trailers.insert("subject", subject.parse().unwrap());
    let frames = [
        Frame::data(Bytes::from_static(b"x")),
        Frame::data(Bytes::from_static(b"y")),
        Frame::trailers(trailers),
    ];
    Response::new(StreamBody::new(futures_util::stream::iter(frames.map(Ok))))
}

/// What a call is answered: the code and who the handler thought had called.
async fn answered(verifier: &Arc<Verifier>, request: Request<()>) -> (String, Option<String>) {
    let inner = service_fn(|request: Request<()>| async move {
        let subject = request.extensions().get::<Identity>().map_or("nobody", Identity::subject);
        Ok::<_, Infallible>(stream(subject))
    });
    let service = AuthLayer::new(verifier.clone(), policy()).layer(inner);
    let response = service.oneshot(request).await.unwrap();
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let early = text(response.headers(), "grpc-status");
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let messages = collected.to_bytes();
    match early {
        Some(code) => {
            assert!(
                trailers.is_empty() && messages.is_empty(),
                "a refusal is nothing but trailers"
            );
            (code, None)
        }
        None => {
            assert_eq!(messages, "xy");
            (text(&trailers, "grpc-status").unwrap(), text(&trailers, "subject"))
        }
    }
}

#[tokio::test]
async fn the_policy_decides_by_method_who_is_let_in() {
    let verifier = Arc::new(verifier());
    let reader = token();
    let admin = token_with(json!({ "sub": "root", "roles": ["admin"] }));
    let operator = token_with(json!({ "roles": "reader operator" }));
    let nobody = token_with(json!({ "roles": null }));
    let expired = token_with(json!({ "exp": NOW - 1 }));
    let ok = |subject: &str| ("0".to_owned(), Some(subject.to_owned()));
    let refused = |code: &str| (code.to_owned(), None);
    for (path, token, expected) in [
        ("/grpc.health.v1.Health/Check", None, ok("nobody")),
        ("/grpc.health.v1.Health/Watch", Some(&expired), ok("nobody")),
        ("/grpc.health.v1.Health/Check", Some(&admin), ok("nobody")),
        ("/a.B/Get", Some(&reader), ok("gopher")),
        ("/a.B/Get", Some(&nobody), ok("gopher")),
        ("/a.B/Get", None, refused("16")),
        ("/a.B/Get", Some(&expired), refused("16")),
        ("/a.B/Admin", Some(&admin), ok("root")),
        ("/a.B/Admin", Some(&operator), ok("gopher")),
        ("/a.B/Admin", Some(&reader), refused("7")),
        ("/a.B/Admin", Some(&nobody), refused("7")),
        ("/a.B/Admin", Some(&expired), refused("16")),
        ("/a.B/Admin", None, refused("16")),
        ("/a.C/Get", Some(&admin), refused("7")),
        ("/a.C/Get", None, refused("7")),
        ("/a.B/Get/", Some(&admin), refused("7")),
        ("/", Some(&admin), refused("7")),
    ] {
        let found = answered(&verifier, request(path, token.map(String::as_str))).await;
        assert_eq!(found, expected, "{path}");
    }
}

#[tokio::test]
async fn every_call_with_a_known_token_passes_without_a_signature_check() {
    let (verifier, token) = (Arc::new(verifier()), token());
    for _ in 0..50 {
        let found = answered(&verifier, request("/a.B/Get", Some(&token))).await;
        assert_eq!(found.1.as_deref(), Some("gopher"));
    }
    assert_eq!(verifier.signature_checks(), 1);
}

#[tokio::test]
async fn a_refusal_says_how_to_authenticate_and_nothing_else() {
    let verifier = Arc::new(verifier());
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(stream("")) });
    let service = AuthLayer::new(verifier, policy()).layer(inner);
    let shown = |response: Response<_>| format!("{} {:?}", response.status(), response.headers());
    let unknown = service.clone().oneshot(request("/a.B/Get", None)).await.unwrap();
    assert_eq!(
        shown(unknown.map(drop)),
        concat!(
            r#"200 OK {"content-type": "application/grpc", "grpc-status": "16", "#,
            r#""grpc-message": "the%20call%20needs%20a%20valid%20token", "www-authenticate": "Bearer"}"#
        )
    );
    let known = service.oneshot(request("/a.B/Admin", Some(&token()))).await.unwrap();
    assert_eq!(
        shown(known.map(drop)),
        r#"200 OK {"content-type": "application/grpc", "grpc-status": "7", "grpc-message": "the%20call%20is%20not%20allowed"}"#
    );
}

#[tokio::test]
async fn plain_http_is_answered_in_its_own_words() {
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(stream("")) });
    let service = AuthLayer::new(verifier(), policy()).layer(inner);
    for (path, expected) in [("/a.B/Get", 401), ("/other", 403)] {
        let request = Request::builder().uri(path).body(()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected);
        assert!(!response.headers().contains_key("grpc-status"));
    }
}

#[tokio::test]
async fn the_reason_is_in_the_log_and_the_token_is_not() {
    let lines = Lines::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(lines.clone()).finish());
    let verifier = Arc::new(verifier());
    let expired = token_with(json!({ "exp": NOW - 1 }));
    answered(&verifier, request("/a.B/Get", Some(&expired))).await;
    answered(&verifier, request("/a.B/Admin", Some(&token()))).await;
    answered(&verifier, request("/a.C/Get", Some(&token()))).await;
    let text = lines.text();
    for part in [
        "DEBUG",
        "/a.B/Get",
        "the token has expired",
        "none of the roles",
        "gopher",
        "does not allow the method",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    for token in [expired, token()] {
        assert!(token.split('.').all(|part| !text.contains(part)), "{text}");
    }
}

#[tokio::test]
async fn the_handler_gets_the_header_marked_as_secret() {
    let inner = service_fn(|request: Request<()>| async move {
        let shown = format!("{:?}", request.headers());
        assert!(shown.contains("Sensitive") && !shown.contains("Bearer"), "{shown}");
        Ok::<_, Infallible>(stream(""))
    });
    let service = AuthLayer::new(verifier(), policy()).layer(inner);
    for path in ["/a.B/Get", "/grpc.health.v1.Health/Check"] {
        service.clone().oneshot(request(path, Some(&token()))).await.unwrap();
    }
}

/// A service whose clones are ready only after they were asked.
#[derive(Default)]
struct Ready(bool);

impl Clone for Ready {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Service<Request<()>> for Ready {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Frames>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        self.0 = true;
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.0), "called without being ready");
        let subject = request.extensions().get::<Identity>().map_or("nobody", Identity::subject);
        std::future::ready(Ok(stream(subject)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_keys_uses_the_instance_that_was_ready() {
    let source = KeysInMemory::new(json!({ "keys": [GOOD.jwk("ES256", "es256")] }).to_string());
    let (verifier, _) = verifier_of(KeyStore::load(source.clone()).await.unwrap());
    let mut service = AuthLayer::new(verifier, policy()).layer(Ready::default());
    source.set(three_keys().to_string());
    for _ in 0..2 {
        let response = service.ready().await.unwrap().call(request("/a.B/Get", Some(&token())));
        let trailers = response.await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(trailers.trailers().unwrap()["subject"], "gopher");
    }
}

#[tokio::test]
async fn the_layer_is_ready_when_the_service_inside_is() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Frames>>();
    let mut service = AuthLayer::new(verifier(), policy()).layer(mock);
    handle.allow(0);
    let mut first = tokio_test_ready(&mut service);
    assert!(first.take().is_none(), "it is ready although the service inside is not");
    handle.allow(1);
    assert!(tokio_test_ready(&mut service).is_some());
    let seen = Arc::new(Mutex::new(0));
    let call = service.call(request("/a.B/Admin", Some(&token())));
    assert_eq!(call.await.unwrap().headers()["grpc-status"], "7");
    *seen.lock().unwrap() += 1;
    let mut next = std::pin::pin!(handle.next_request());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(next.as_mut().poll(&mut cx).is_pending(), "a refused call reached the service inside");
}

/// Asks once whether a service is ready.
fn tokio_test_ready<S: Service<Request<()>>>(service: &mut S) -> Option<()> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    service.poll_ready(&mut cx).is_ready().then_some(())
}
