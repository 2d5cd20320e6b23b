//! What the layers stand around, and what calls them.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{poll_fn, ready};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Full};
use tokio::runtime::Builder;
use tonic::body::Body;
use tower_service::Service;
use tracing::subscriber::set_global_default;
use wayside_interceptors::Peer;
use wayside_interceptors::auth::{AuthLayer, KeySet, KeyStore, Policy, TokenRules, Verifier};

const PATH: &str = "/wayside.greet.v1.GreetService/Greet";
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "greet";
/// Signed once for a hundred years by a key that nobody has kept: making a key takes a different number of instructions each time.
const TOKEN: &str = "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSIsImtpZCI6ImJlbmNoIn0.\
eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiZ29waGVyIiwiYXVkIjpbImdyZWV0Il0sImlhdCI6MTc5NTI3NjQzMywibmJmIjoxNzk1Mjc2NDMzLCJleHAiOjQ5NDg4NzY0MzMsInJvbGVzIjpbImFkbWluIl19.\
d35dCB2E2kCjyhUQssh33kYqVjtServ1ublFMfCXhJ59MkdI8vn8j-Dwz0txWIEZEGv9dZjrHR4MT3zKxskmAA";
const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","x":"6Q0KlP7zUx44BbL_vEPbry7PFoYxdLKJHi8iH7x0DH4","kid":"bench"}]}"#;
/// An empty message.
const MESSAGE: &[u8] = &[0; 5];

/// A layer, and how to make so many calls through it.
pub(crate) struct Row {
    pub(crate) side: &'static str,
    pub(crate) layer: &'static str,
    pub(crate) call: Box<dyn Fn(u64)>,
}

/// A layer of a server, whose calls have what those of a real client have.
pub(crate) fn server<S, R>(layer: &'static str, make: fn() -> S) -> Row
where
    S: Service<Request<Body>, Response = Response<R>, Error: Debug> + 'static,
    R: HttpBody<Error: Debug> + 'static,
{
    let call = move |calls| {
        let service = make();
        let mut headers = headers();
        headers.insert("grpc-timeout", HeaderValue::from_static("10S"));
        headers.insert("user-agent", HeaderValue::from_static("grpc-go/1.80.0"));
        headers.insert("authorization", HeaderValue::from_static(TOKEN));
        run(service, &headers, Some(Peer((Ipv4Addr::LOCALHOST, 1).into())), calls);
    };
    Row { side: "server", layer, call: Box::new(call) }
}

/// A layer of a client, whose calls have what a generated client gives them.
pub(crate) fn client<S, R>(layer: &'static str, make: fn() -> S) -> Row
where
    S: Service<Request<Body>, Response = Response<R>, Error: Debug> + 'static,
    R: HttpBody<Error: Debug> + 'static,
{
    Row { side: "client", layer, call: Box::new(move |calls| run(make(), &headers(), None, calls)) }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("te", HeaderValue::from_static("trailers"));
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers
}

/// Calls one after the other, each to the end of its body.
fn run<S, R>(mut service: S, headers: &HeaderMap, peer: Option<Peer>, calls: u64)
where
    S: Service<Request<Body>, Response = Response<R>, Error: Debug>,
    R: HttpBody<Error: Debug>,
{
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for _ in 0..calls {
            let mut request = Request::post(PATH)
                .body(Body::new(Full::new(Bytes::from_static(MESSAGE))))
                .unwrap();
            *request.version_mut() = Version::HTTP_2;
            *request.headers_mut() = headers.clone();
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
            let trailers = read(service.call(request).await.unwrap().into_body()).await;
            // A call that is refused would be a cheap one.
            assert_eq!(trailers.unwrap()["grpc-status"], "0");
        }
    });
}

/// What a handler costs at least: it reads the request, and answers with an empty message and OK.
#[derive(Clone, Debug)]
pub(crate) struct Unary;

impl<B> Service<Request<B>> for Unary
where
    B: HttpBody<Error: Debug> + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(async {
            read(request.into_body()).await;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let body =
                Full::new(Bytes::from_static(MESSAGE)).with_trailers(ready(Some(Ok(trailers))));
            let mut response = Response::new(Body::new(body));
            let grpc = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert("content-type", grpc);
            Ok(response)
        })
    }
}

/// Reads to the end, and gives the trailers.
async fn read(body: impl HttpBody<Error: Debug>) -> Option<HeaderMap> {
    let (mut body, mut trailers) = (pin!(body), None);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        trailers = frame.unwrap().into_trailers().ok();
    }
    trailers
}

/// Reads log lines, and does nothing with them.
pub(crate) fn unread_log<S>(service: S) -> S {
    set_global_default(tracing_subscriber::registry()).unwrap();
    service
}

/// The layer that lets [`PATH`] be called with the token only.
pub(crate) fn auth() -> AuthLayer {
    let keys = KeyStore::fixed(KeySet::parse(JWKS.as_bytes()).unwrap());
    let verifier = Verifier::new(keys, TokenRules::new(ISSUER, [AUDIENCE]).unwrap())
        // Within the time of the token, whatever the date is here.
        .with_clock(|| SystemTime::now() + Duration::from_secs(50 * 365 * 86400));
    AuthLayer::new(verifier, Policy::builder().roles(PATH, ["admin"]).build().unwrap())
}
