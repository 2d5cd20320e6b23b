use axum::body::Body;
use axum::http::Request;
use http::Response;
use tokio::time::{Duration, advance};
use tonic::Status;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use wayside_balance::Target;
use wayside_interceptors::client::observe::ObserveLayer;
use wayside_interceptors::client::retry::{RetryLayer, RetryPolicy};

use super::model::Page;
use super::recent::KEPT;
use super::*;
use crate::health::Health;
use crate::metrics::Registry;
use crate::{CallArgs, outgoing};

const HOSTILE: &str = "<script>alert('x')</script>\" onmouseover=\"y";

fn view(name: &str, recent: &Recent) -> ServerView {
    ServerView {
        name: name.to_owned(),
        health: Health::new(&[]),
        registry: Registry::default(),
        recent: Some(recent.clone()),
    }
}

/// Makes calls that are retried once, each attempt of which takes 10 ms and fails with a text.
async fn call(recent: &Recent, calls: usize, text: &'static str) {
    let (of_call, of_attempt) = recent.observers("dns:///greet:50051");
    let millisecond = Duration::from_millis(1);
    let policy =
        RetryPolicy::try_new(2, millisecond, millisecond, 1.0, [tonic::Code::Unavailable]).unwrap();
    let mut service = ServiceBuilder::new()
        .layer(ObserveLayer::new(of_call))
        .layer(RetryLayer::new(move |_: &str| Some(policy.into())))
        .layer(ObserveLayer::new(of_attempt))
        .service(service_fn(async |_: http::Request<tonic::body::Body>| {
            advance(Duration::from_millis(10)).await;
            Err::<Response<tonic::body::Body>, _>(Status::unavailable(text))
        }));
    for number in 0..calls {
        let path = format!("/greet.v1.GreetService/{number}");
        let request = http::Request::post(path).body(tonic::body::Body::empty()).unwrap();
        service.ready().await.unwrap().call(request).await.unwrap_err();
    }
}

async fn get(servers: Vec<ServerView>, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let servers: Arc<[ServerView]> = servers.into();
    let response = router().with_state(servers).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn request(query: &str, host: &str) -> Request<Body> {
    let uri = format!("/debug/channels{query}");
    Request::get(uri).header(HOST, host).body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_shown_with_its_attempts_where_they_were() {
    let recent = Recent::new();
    call(&recent, 1, "no connection").await;
    let page = Page::of(&[view("gateway", &recent)]);
    let [call] = &page.calls[..] else { panic!("{page:?}") };
    assert_eq!((&*call.server, &*call.target), ("gateway", "dns:///greet:50051"));
    assert_eq!((&*call.method, call.code), ("/greet.v1.GreetService/0", "UNAVAILABLE"));
    assert_eq!(call.error.as_deref(), Some("no connection"));
    let [first, second] = &call.attempts[..] else { panic!("{call:?}") };
    assert_eq!((first.began_ms, first.took_ms, first.code), (0.0, 10.0, "UNAVAILABLE"));
    assert_eq!(second.took_ms, 10.0);
    assert!((10.8..=13.0).contains(&second.began_ms), "{second:?}");
    assert_eq!(call.took_ms, second.began_ms + second.took_ms);
}

#[tokio::test(start_paused = true)]
async fn the_last_200_calls_are_kept_and_no_more() {
    let recent = Recent::new();
    call(&recent, KEPT + 50, "no connection").await;
    assert_eq!(recent.finished("gateway").len(), KEPT, "no more than that is kept in memory");
    let calls = Page::of(&[view("gateway", &recent)]).calls;
    assert_eq!(calls.len(), KEPT);
    assert_eq!(&*calls[0].method, format!("/greet.v1.GreetService/{}", KEPT + 49), "newest first");
}

#[tokio::test(start_paused = true)]
async fn of_calls_that_come_at_once_one_is_written_down() {
    let recent = Recent::new();
    let (of_call, _) = recent.observers("dns:///greet:50051");
    let mut service =
        ServiceBuilder::new().layer(ObserveLayer::new(of_call)).service(service_fn(async |_| {
            Err::<Response<tonic::body::Body>, _>(Status::unavailable("no connection"))
        }));
    for _ in 0..100 {
        let request = http::Request::post("/a.B/Get").body(tonic::body::Body::empty()).unwrap();
        service.ready().await.unwrap().call(request).await.unwrap_err();
    }
    assert_eq!(Page::of(&[view("gateway", &recent)]).calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_strangers_have_chosen_is_text_on_the_page() {
    let recent = Recent::new();
    call(&recent, 1, HOSTILE).await;
    let target: Target = "ipv4:127.0.0.1:1".parse().unwrap();
    let config = format!(
        r#"{{"loadBalancingConfig":[{{"round_robin":{{"x":{}}}}}]}}"#,
        serde_json::json!(HOSTILE)
    );
    let channel = wayside_balance::Channel::builder(&target)
        .service_config_json(&config)
        .unwrap()
        .build()
        .unwrap();
    let view = view(HOSTILE, &recent);
    let (_, watched) =
        outgoing::compose(channel, HOSTILE, &CallArgs::default(), None, Some(&recent));
    view.registry.add_channel(watched);
    let (status, headers, html) = get(vec![view], request("", "localhost:9100")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(!html.contains("<script") && !html.contains("\" onmouseover"), "{html}");
    let shown = html.matches("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;").count();
    assert!(shown >= 4, "the name, the error, the attempts' and the config show it: {shown}");
}

#[tokio::test]
async fn json_is_for_those_who_ask_for_it() {
    let recent = Recent::new();
    let of = |query: &str, accept: &'static str| {
        let mut request = request(query, "127.0.0.1:9100");
        request.headers_mut().insert(ACCEPT, accept.parse().unwrap());
        get(vec![view("gateway", &recent)], request)
    };
    for (query, accept, json) in [
        ("", "*/*", false),
        ("", "text/html,application/xhtml+xml,application/json;q=0.9", false),
        ("", "application/json", true),
        ("?format=json", "text/html", true),
        ("?format=html", "application/json", false),
    ] {
        let (_, headers, body) = of(query, accept).await;
        let is_json = headers[CONTENT_TYPE] == "application/json";
        assert_eq!(is_json, json, "{query} {accept}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), json);
    }
}

#[tokio::test]
async fn a_name_that_a_web_page_could_have_made_up_is_refused() {
    let recent = Recent::new();
    let (status, _, body) =
        get(vec![view("gateway", &recent)], request("?format=json", "evil.example:9100")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(!body.contains("gateway"), "{body}");
}
