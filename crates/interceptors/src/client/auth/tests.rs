use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, Instant, sleep, timeout};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use tower_service::Service;

use super::{AuthLayer, Token};
use crate::client::retry::NotIdempotent;
use crate::log_lines::Lines;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A source whose n-th token, counted from 1, is `secret<n>`; it takes a second, lasts a lifetime, and fails when told to.
#[derive(Clone, Default)]
struct Source {
    fetched: Arc<AtomicUsize>,
    fails: Arc<Mutex<Option<Status>>>,
}

impl Source {
    fn layer(&self, lifetime: Option<Duration>) -> AuthLayer {
        let source = self.clone();
        let fetch = move || {
            let source = source.clone();
            async move {
                let number = source.fetched.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(seconds(1)).await;
                let failure = source.fails.lock().unwrap().clone();
                match failure {
                    Some(status) => Err(status),
                    None => Ok(Token::new(&format!("secret{number}"), lifetime).unwrap()),
                }
            }
        };
        AuthLayer::renewing(fetch, seconds(10)).encrypted()
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }

    fn fail(&self, status: Option<Status>) {
        *self.fails.lock().unwrap() = status;
    }
}

fn request() -> Request<Body> {
    Request::builder().uri("/test.Service/Method").body(Body::empty()).unwrap()
}

/// A server that takes only the tokens that it is told of, and says which it was sent.
#[derive(Clone, Default)]
struct Server {
    refused: Arc<Mutex<Vec<&'static str>>>,
    sent: Arc<Mutex<Vec<(String, Bytes)>>>,
    takes: Duration,
}

impl Server {
    fn service(
        &self,
    ) -> impl Service<Request<Body>, Response = Response<Body>, Error = Status, Future: Send>
    + Clone
    + Send
    + 'static {
        let server = self.clone();
        service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let header = &head.headers["authorization"];
                assert!(header.is_sensitive());
                let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
                let body = body.collect().await?.to_bytes();
                server.sent.lock().unwrap().push((token.clone(), body));
                // Long enough for another token to be fetched.
                sleep(server.takes).await;
                if server.refused.lock().unwrap().contains(&&*token) {
                    return Ok(Status::unauthenticated("who are you?").into_http());
                }
                Ok(Response::new(Body::empty()))
            }
        })
    }

    fn tokens(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|(token, _)| token.clone()).collect()
    }
}

/// A place that logs for the first time while nobody listens may stay silent for the test that does: where a source fails, somebody listens.
fn subscribed() -> tracing::subscriber::DefaultGuard {
    Lines::default().subscribe()
}

/// A call that would never end fails the test.
async fn call(layer: &AuthLayer, server: &Server) -> Result<Response<Body>, Status> {
    timeout(seconds(60), layer.layer(server.service()).oneshot(request())).await.unwrap()
}

fn code(result: &Result<Response<Body>, Status>) -> Code {
    match result {
        Ok(response) => response
            .headers()
            .get("grpc-status")
            .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes())),
        Err(status) => status.code(),
    }
}

#[tokio::test(start_paused = true)]
async fn any_number_of_calls_wait_for_one_fetch_even_if_the_first_goes_away() {
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(None);
    timeout(Duration::from_millis(10), call(&layer, &server)).await.unwrap_err();
    let calls = (0..50).map(|_| call(&layer, &server));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(code(&result), Code::Ok);
    }
    assert_eq!(source.fetched(), 1);
    assert_eq!(server.tokens(), vec!["secret1"; 50]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires_while_calls_go_on_with_it() {
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(Some(seconds(100)));
    call(&layer, &server).await.unwrap();
    sleep(seconds(89)).await;
    call(&layer, &server).await.unwrap();
    assert_eq!(source.fetched(), 1, "not yet");
    sleep(seconds(1)).await;
    let start = Instant::now();
    for _ in 0..20 {
        call(&layer, &server).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits");
    sleep(seconds(2)).await;
    call(&layer, &server).await.unwrap();
    assert_eq!(source.fetched(), 2);
    assert_eq!(server.tokens().last().unwrap(), "secret2");
    assert_eq!(server.tokens().iter().filter(|token| *token == "secret1").count(), 22);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_token_serves_until_it_expires_while_the_source_fails() {
    let _log = subscribed();
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(Some(seconds(100)));
    call(&layer, &server).await.unwrap();
    source.fail(Some(Status::unavailable("source is down")));
    sleep(seconds(90)).await;
    for _ in 0..99 {
        call(&layer, &server).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    // One takes a second, and then the source is left alone for another.
    assert!((5..=6).contains(&source.fetched()), "{} fetches", source.fetched());
    sleep(seconds(1)).await;
    let status = call(&layer, &server).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "no token for the call: source is down");
    assert_eq!(server.tokens(), vec!["secret1"; 100]);
    source.fail(None);
    sleep(seconds(2)).await;
    call(&layer, &server).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_left_alone_for_a_second() {
    let _log = subscribed();
    let (source, server) = (Source::default(), Server::default());
    source.fail(Some(Status::unavailable("down")));
    let layer = source.layer(None);
    for _ in 0..100 {
        assert_eq!(code(&call(&layer, &server).await), Code::Unavailable);
    }
    assert_eq!(source.fetched(), 1);
    sleep(seconds(1)).await;
    assert_eq!(code(&call(&layer, &server).await), Code::Unavailable);
    assert_eq!((source.fetched(), server.tokens().len()), (2, 0));
}

/// gRFC A54.
#[tokio::test(start_paused = true)]
async fn the_source_cannot_give_codes_that_speak_of_the_request() {
    let _log = subscribed();
    let reserved = [
        Code::Ok,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::DataLoss,
    ];
    for from_source in (0..=16).map(Code::from_i32) {
        let source = Source::default();
        source.fail(Some(Status::new(from_source, "why")));
        let status = call(&source.layer(None), &Server::default()).await.unwrap_err();
        let expected = if reserved.contains(&from_source) { Code::Internal } else { from_source };
        assert_eq!(status.code(), expected, "{from_source:?}");
        assert!(status.message().ends_with("why"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_or_hangs_fails_the_calls_that_wait() {
    let _log = subscribed();
    let panics = AuthLayer::new(|| async { panic!("bug") as Result<Token, Status> }).encrypted();
    let hangs = AuthLayer::new(std::future::pending::<Result<Token, Status>>).encrypted();
    for (layer, expected, after) in [(panics, Code::Internal, 0), (hangs, Code::Unavailable, 10)] {
        let start = Instant::now();
        let server = Server::default();
        let calls = (0..3).map(|_| call(&layer, &server));
        for result in futures_util::future::join_all(calls).await {
            assert_eq!(code(&result), expected);
        }
        assert_eq!(start.elapsed(), seconds(after));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_and_the_whole_call_sent_again() {
    let (source, server) = (Source::default(), Server { takes: seconds(2), ..Server::default() });
    let layer = source.layer(None);
    call(&layer, &server).await.unwrap();
    sleep(seconds(5)).await;
    *server.refused.lock().unwrap() = vec!["secret1", "secret2"];
    let frames = [b"one".as_slice(), b"two"].map(|data| Ok::<_, Status>(Frame::data(data.into())));
    let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
    let again = layer.layer(server.service()).oneshot(request().map(|_| body)).await;
    assert_eq!(code(&again), Code::Unauthenticated, "once, not for ever");
    let sent = server.sent.lock().unwrap()[1..].to_vec();
    let whole = |token: &str| (token.to_owned(), Bytes::from_static(b"onetwo"));
    assert_eq!(sent, [whole("secret1"), whole("secret2")]);
    sleep(seconds(5)).await;
    let calls = (0..10).map(|_| call(&layer, &server));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(code(&result), Code::Ok, "with the third");
    }
    assert_eq!(source.fetched(), 3, "ten refusals are one fetch");
}

#[tokio::test(start_paused = true)]
async fn without_a_newer_token_the_caller_has_the_answer_of_the_server() {
    let _log = subscribed();
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(None);
    *server.refused.lock().unwrap() = vec!["secret1"];
    let at_once = call(&layer, &server).await;
    assert_eq!(code(&at_once), Code::Unauthenticated);
    assert_eq!(source.fetched(), 1, "it has only just been fetched");
    sleep(seconds(5)).await;
    source.fail(Some(Status::unavailable("source is down")));
    let response = call(&layer, &server).await.unwrap();
    assert_eq!(response.headers()["grpc-message"], "who%20are%20you%3F");
    assert_eq!((source.fetched(), server.tokens().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_must_not_or_cannot_be_repeated_is_sent_once() {
    static LARGE: [u8; 300 * 1024] = [7; 300 * 1024];
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(None);
    call(&layer, &server).await.unwrap();
    sleep(seconds(5)).await;
    *server.refused.lock().unwrap() = vec!["secret1"];
    let mut once = request();
    once.extensions_mut().insert(NotIdempotent);
    let frames = [Ok::<_, Status>(Frame::data(Bytes::from_static(&LARGE)))];
    let large = request().map(|_| Body::new(StreamBody::new(tokio_stream::iter(frames))));
    for request in [once, large] {
        let result = layer.layer(server.service()).oneshot(request).await;
        assert_eq!(code(&result), Code::Unauthenticated);
    }
    assert_eq!((source.fetched(), server.tokens().len()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_not_sent_over_an_unencrypted_connection_unless_that_is_allowed() {
    let token = || async { Ok(Token::new("secret", None).unwrap()) };
    let with = |uri: &str| Request::builder().uri(uri).body(Body::empty()).unwrap();
    let (path, http, https) = ("/s/m", "http://host/s/m", "https://host/s/m");
    for (layer, uri, sent) in [
        (AuthLayer::new(token), path, false),
        (AuthLayer::new(token).encrypted(), path, true),
        (AuthLayer::new(token).allow_unencrypted(), path, true),
        (AuthLayer::new(token).encrypted(), http, false),
        (AuthLayer::new(token), https, true),
        (AuthLayer::new(token).allow_unencrypted(), http, true),
    ] {
        let server = Server::default();
        let result = layer.layer(server.service()).oneshot(with(uri)).await;
        let expected = if sent { Code::Ok } else { Code::Unauthenticated };
        assert_eq!(code(&result), expected, "{layer:?} {uri}");
        assert_eq!(server.tokens().len(), usize::from(sent), "{layer:?} {uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_other_methods_or_with_credentials_of_their_own_are_left_alone() {
    let source = Source::default();
    let layer = source.layer(None).for_methods(|path: &str| path.starts_with("/test.Service/"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let channel = {
        let seen = seen.clone();
        service_fn(move |request: Request<Body>| {
            seen.lock().unwrap().push(request.headers().get("authorization").cloned());
            async { Ok::<_, Status>(Response::new(Body::empty())) }
        })
    };
    let mut own = request();
    own.headers_mut().insert("authorization", "Basic eDp5".parse().unwrap());
    let mut other = request();
    *other.uri_mut() = "/grpc.health.v1.Health/Check".parse().unwrap();
    for request in [own, other] {
        layer.layer(channel.clone()).oneshot(request).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [Some("Basic eDp5".parse().unwrap()), None]);
    assert_eq!(source.fetched(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_token_counts_for_the_deadline() {
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(None);
    let mut short = request();
    short.headers_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let start = Instant::now();
    let status = layer.layer(server.service()).oneshot(short).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed(), Duration::from_millis(300));
    // The fetch goes on, and the next call has what is left after it.
    let mut long = request();
    long.headers_mut().insert("grpc-timeout", "5S".parse().unwrap());
    let channel = service_fn(|request: Request<Body>| async move {
        assert_eq!(request.headers()["grpc-timeout"], "4300000u");
        Ok::<_, Status>(Response::new(Body::empty()))
    });
    layer.layer(channel).oneshot(long).await.unwrap();
    assert_eq!(source.fetched(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_token_is_in_a_log_or_in_what_debug_shows() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(lines.clone())
            .finish(),
    );
    let (source, server) = (Source::default(), Server::default());
    let layer = source.layer(Some(seconds(100)));
    call(&layer, &server).await.unwrap();
    sleep(seconds(95)).await;
    source.fail(Some(Status::unavailable("got secret2 but cannot use it")));
    call(&layer, &server).await.unwrap();
    sleep(seconds(10)).await;
    let service = layer.layer(server.service());
    let future = service.clone().oneshot(request());
    let debug = format!("{layer:?}");
    drop(future);
    assert!(lines.text().contains("no new token"), "{}", lines.text());
    assert!(!lines.text().contains("secret"), "{}", lines.text());
    assert!(!debug.contains("secret"), "{debug}");
}
