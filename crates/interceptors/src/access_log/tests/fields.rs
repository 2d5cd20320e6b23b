//! What the line says.

use http::HeaderValue;
use serde_json::{Value, json};
use tonic::body::Body;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::Peer;
use crate::auth::{
    AuthLayer, Claims, KeySet, KeyStore, Policy, SigningKey, TokenRules, Verifier, mint,
};

/// The only line of a call, as the fields of its JSON.
fn fields(lines: &Lines) -> Value {
    let text = lines.text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lines: Vec<_> = lines.filter(|line| line["target"] == "access").collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines.remove(0)
}

/// An answer of gRPC with two messages.
fn answer(code: Code) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    Status::new(code, "not so").add_header(&mut trailers).unwrap();
    let frames = [
        Frame::data(Bytes::from_static(b"12345")),
        Frame::data(Bytes::from_static(b"678")),
        Frame::trailers(trailers),
    ];
    let body = StreamBody::new(tokio_stream::iter(frames.map(Ok::<_, Status>)));
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_has_all_its_fields_and_none_that_it_does_not_need() {
    let lines = Lines::default();
    let _guard = lines.subscribe_json();
    let inner = service_fn(|request: Request<ObservedRequestBody<Body>>| async {
        tokio::time::sleep(std::time::Duration::from_micros(1500)).await;
        request.extensions().get::<CallRecord>().unwrap().set_caller("account 17");
        request.into_body().collect().await.unwrap();
        Ok::<_, Status>(answer(Code::NotFound))
    });
    let frames = ["abc", "", "defg"].map(|data| Ok::<_, Status>(Frame::data(Bytes::from(data))));
    let mut request = Request::builder()
        .method("POST")
        .uri("/greet.v1.GreetService/Greet")
        .header("x-request-id", "one-of-a-kind")
        .body(Body::new(StreamBody::new(tokio_stream::iter(frames))))
        .unwrap();
    request.extensions_mut().insert(Peer("10.0.0.7:4321".parse().unwrap()));
    let response =
        ObserveLayer::new("greet-1", AccessLog).layer(inner).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();

    let mut logged = fields(&lines);
    let logged = logged.as_object_mut().unwrap();
    logged.remove("timestamp");
    // The paused clock goes by whole milliseconds.
    assert_eq!(logged.remove("duration_ms"), Some(json!(2.0)));
    let expected = json!({
        "level": "INFO", "target": "access", "message": "invoke server",
        "server": "greet-1", "method": "/greet.v1.GreetService/Greet", "peer": "10.0.0.7:4321", "identity": "account 17",
        "code": "NOT_FOUND", "request_bytes": 7, "response_bytes": 8, "request_id": "one-of-a-kind",
        "error": "not so",
    });
    assert_eq!(Value::Object(logged.clone()), expected);
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    let lines = Lines::default();
    let _guard = lines.subscribe_json();
    let inner = service_fn(|_: Req| async { Ok::<_, Status>(answer(Code::Ok)) });
    let response =
        ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    let logged = fields(&lines);
    for name in ["peer", "identity", "request_id", "error"] {
        assert_eq!(logged.get(name), None);
    }
    assert_eq!(logged["request_bytes"], 0, "nobody has read any");
}

#[tokio::test]
async fn who_calls_is_known_when_the_call_is_allowed_and_when_it_is_denied() {
    let key = SigningKey::generate().unwrap().with_id("dev");
    let claims = Claims::new("https://issuer.example", "gopher", ["greet"]).roles(["reader"]);
    let token = mint(&key, &claims).unwrap();
    let keys = KeyStore::fixed(KeySet::parse(key.public_jwks().as_bytes()).unwrap());
    let rules = TokenRules::new("https://issuer.example", ["greet"]).unwrap();
    let verifier = std::sync::Arc::new(Verifier::new(keys, rules));
    let other_key = SigningKey::generate().unwrap().with_id("dev");
    let forged = mint(&other_key, &claims).unwrap();
    for (method, token, identity, code) in [
        ("Read", &token, Some("gopher"), "OK"),
        ("Write", &token, Some("gopher"), "PERMISSION_DENIED"),
        ("Other", &token, None, "PERMISSION_DENIED"),
        ("Read", &forged, None, "UNAUTHENTICATED"),
    ] {
        let lines = Lines::default();
        let _guard = lines.subscribe_json();
        let policy = Policy::builder()
            .authenticated("/greet.v1.GreetService/Read")
            .roles("/greet.v1.GreetService/Write", ["writer"])
            .build()
            .unwrap();
        let inner = service_fn(|_: Req| async { Ok::<_, Status>(answer(Code::Ok)) });
        let inner = AuthLayer::new(verifier.clone(), policy).layer(inner);
        let request = Request::builder()
            .uri(format!("/greet.v1.GreetService/{method}"))
            .header("content-type", "application/grpc")
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .unwrap();
        let response =
            ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        let logged = fields(&lines);
        assert_eq!(
            (logged.get("identity").and_then(Value::as_str), logged["code"].as_str().unwrap()),
            (identity, code)
        );
        let signature = token.rsplit('.').next().unwrap();
        assert!(!lines.text().contains(signature), "{}", lines.text());
    }
}

#[test]
fn the_first_who_says_who_calls_is_believed() {
    let record = CallRecord::new("greet".into(), &request());
    record.set_caller("verified");
    record.set_caller("claimed");
    assert_eq!(record.identity(), Some("verified"));
}

#[test]
fn a_request_id_is_visible_ascii_of_bounded_length() {
    let longest = "x".repeat(128);
    for (id, logged) in [
        ("a", true),
        ("01958f2c-7a3b-7c4d-8e5f-001122334455", true),
        ("~!\"\\", true),
        (&longest, true),
        (&format!("{longest}x"), false),
        ("", false),
        ("a b", false),
        ("a\tb", false),
        ("größe", false),
    ] {
        let request = Request::builder().header("x-request-id", id.as_bytes()).body(()).unwrap();
        let record = CallRecord::new("greet".into(), &request);
        assert_eq!(record.request_id(), logged.then_some(id), "{id:?}");
    }
}

#[test]
fn a_request_id_that_a_layer_makes_is_taken_where_the_call_has_none() {
    let made = HeaderValue::from_static("made");
    let record = CallRecord::new("greet".into(), &request());
    record.set_request_id(&made);
    assert_eq!(record.request_id(), Some("made"));
    let with_id = Request::builder().header("x-request-id", "sent").body(()).unwrap();
    let record = CallRecord::new("greet".into(), &with_id);
    record.set_request_id(&made);
    assert_eq!(record.request_id(), Some("sent"));
}

#[tokio::test]
async fn calls_that_are_not_logged_have_no_record() {
    let lines = Lines::default();
    let filtered = tracing_subscriber::registry()
        .with(EnvFilter::new("info,access=warn"))
        .with(lines.layer(wayside_telemetry::LineStyle::Json));
    let _guard = tracing::subscriber::set_default(filtered);
    let inner = service_fn(|request: Req| async move {
        assert!(request.extensions().get::<CallRecord>().is_none());
        Ok::<_, Status>(answer(Code::Ok))
    });
    let response =
        ObserveLayer::new("greet", AccessLog).layer(inner).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(lines.text(), "");
}
