use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use tokio::time::Duration;
use tonic::Code;
use tower::service_fn;
use tower_service::Service;

use super::testing::{call, call_from, fed, retry_info, told};
use super::*;
use crate::auth::{Claims, KeySet, KeyStore, SigningKey, TokenRules, Verifier, mint};

/// Counts the calls that hold one.
#[derive(Debug)]
struct Counted(Arc<AtomicU32>);

impl Permit for Counted {}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is said of the only call.
struct Decision<P>(Mutex<Option<Result<P, Refusal>>>);

impl<P: Permit> Admit for Decision<P> {
    type Permit = P;

    fn admit<B>(&self, _: &Request<B>) -> Result<P, Refusal> {
        self.0.lock().unwrap().take().unwrap()
    }
}

fn decided<S, P>(service: S, decision: Result<P, Refusal>) -> Admission<S, Decision<P>> {
    Admission::new(service, Decision(Mutex::new(Some(decision))))
}

fn permit() -> (Arc<AtomicU32>, Result<Counted, Refusal>) {
    let count = Arc::new(AtomicU32::new(1));
    (count.clone(), Ok(Counted(count)))
}

fn held(count: &AtomicU32) -> bool {
    count.load(Ordering::Relaxed) == 1
}

/// A response to which a test gives frames, and the permit that it holds.
async fn streaming()
-> (testing::Feed, Response<AdmittedBody<testing::Fed, Counted>>, Arc<AtomicU32>) {
    let (feed, body) = fed();
    let body = Mutex::new(Some(body));
    let service = service_fn(|_: Request<()>| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let (count, permit) = permit();
    let response = decided(service, permit).call(call("/a.B/C")).await.unwrap();
    (feed, response, count)
}

#[tokio::test]
async fn a_stream_holds_its_permit_until_its_end() {
    let (feed, response, count) = streaming().await;
    let mut body = response.into_body();
    for _ in 0..3 {
        feed.send(Ok(Frame::data(Bytes::from_static(b"x")))).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
        assert!(held(&count), "between messages");
    }
    feed.send(Ok(Frame::trailers(HeaderMap::new()))).await.unwrap();
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    drop(feed);
    assert!(body.frame().await.is_none());
    assert!(!held(&count), "at the end, though the body is still there");
}

#[tokio::test]
async fn a_stream_that_breaks_gives_its_permit_back() {
    let (feed, response, count) = streaming().await;
    let mut body = response.into_body();
    feed.send(Err("broken")).await.unwrap();
    assert!(body.frame().await.unwrap().is_err());
    assert!(!held(&count));
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_gives_its_permit_back() {
    let (feed, response, count) = streaming().await;
    let mut body = response.into_body();
    feed.send(Ok(Frame::data(Bytes::from_static(b"x")))).await.unwrap();
    body.frame().await.unwrap().unwrap();
    assert!(held(&count));
    drop(body);
    assert!(!held(&count));
}

#[tokio::test]
async fn a_body_that_is_not_polled_gives_its_permit_back_when_it_is_dropped() {
    let service = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let (count, permit) = permit();
    let response = decided(service, permit).call(call("/a.B/C")).await.unwrap();
    assert!(response.body().is_end_stream(), "so that the server does not poll it");
    drop(response);
    assert!(!held(&count));
}

#[tokio::test]
async fn a_call_that_is_given_up_or_fails_gives_its_permit_back() {
    let never =
        service_fn(|_: Request<()>| std::future::pending::<Result<Response<Empty<Bytes>>, ()>>());
    let (count, decision) = permit();
    let mut future = Box::pin(decided(never, decision).call(call("/a.B/C")));
    assert!(futures_util::poll!(&mut future).is_pending());
    assert!(held(&count));
    drop(future);
    assert!(!held(&count), "given up");

    let failing = service_fn(|_: Request<()>| async { Err::<Response<Empty<Bytes>>, _>("no") });
    let (count, decision) = permit();
    let future = decided(failing, decision).call(call("/a.B/C"));
    assert_eq!(future.await.unwrap_err(), "no");
    assert!(!held(&count), "failed");
}

#[tokio::test]
async fn of_two_that_decide_the_first_is_asked_first_and_gives_back_what_the_second_leaves() {
    let no = |message: &str| Refusal {
        code: Code::ResourceExhausted,
        message: message.to_owned(),
        retry_after: None,
    };
    let both = |first, second| {
        let (first, second) = (Mutex::new(Some(first)), Mutex::new(Some(second)));
        let both = (Decision(first), Decision(second));
        both.admit(&call("/a.B/C")).map_err(|refusal| refusal.message)
    };
    let ((one, first), (other, second)) = (permit(), permit());
    let permits = both(first, second).unwrap();
    assert!(held(&one) && held(&other));
    drop(permits);
    assert!(!held(&one) && !held(&other));

    let (count, first) = permit();
    assert_eq!(both(first, Err(no("second"))).unwrap_err(), "second");
    assert!(!held(&count), "a refused call holds nothing");
    assert_eq!(both(Err(no("first")), Err(no("second"))).unwrap_err(), "first");
}

#[tokio::test]
async fn a_handler_that_panics_gives_its_permit_back() {
    let (count, decision) = permit();
    let panicking = tokio::spawn(async {
        let service = service_fn(|_: Request<()>| async {
            panic!("a handler") as Result<Response<Empty<Bytes>>, Infallible>
        });
        decided(service, decision).call(call("/a.B/C")).await
    });
    assert!(panicking.await.unwrap_err().is_panic());
    assert!(!held(&count), "in the handler");

    let (count, decision) = permit();
    let panicking = tokio::spawn(async {
        let service = service_fn(
            |_: Request<()>| -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> {
                panic!("a service")
            },
        );
        decided(service, decision).call(call("/a.B/C")).await
    });
    assert!(panicking.await.unwrap_err().is_panic());
    assert!(!held(&count), "before there was a future");
}

async fn refused(refusal: Refusal, request: Request<()>) -> Response<impl Body> {
    decided::<_, ()>(service_fn(testing::answer), Err(refusal)).call(request).await.unwrap()
}

#[tokio::test]
async fn a_refusal_tells_both_kinds_of_client_when_to_come_back() {
    for (micros, millis) in [
        (0, 1),
        (1, 1),
        (1_000, 1),
        (1_001, 2),
        (6_667, 7),
        (2_147_483_647_000, 2_147_483_647),
        (u64::MAX, 2_147_483_647),
    ] {
        let retry_after = Some(Duration::from_micros(micros));
        let refusal = Refusal { code: Code::Unavailable, message: "no".to_owned(), retry_after };
        let response = refused(refusal, call("/a.B/C")).await;
        let told = told(&response).unwrap();
        assert_eq!((&*told.code, &*told.message), ("14", "no"));
        assert_eq!(told.pushback_ms, Some(millis), "{micros} us");
        assert_eq!(retry_info(&response), Some(Duration::from_millis(millis)), "{micros} us");
        assert!(response.into_body().is_end_stream(), "nothing but trailers");
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_refused_in_words_of_http() {
    for (code, millis, status, seconds) in [
        (Code::ResourceExhausted, Some(1), 429, Some("1")),
        (Code::ResourceExhausted, Some(1001), 429, Some("2")),
        (Code::ResourceExhausted, None, 429, None),
        (Code::Unavailable, Some(100), 503, Some("1")),
    ] {
        let retry_after = millis.map(Duration::from_millis);
        let refusal = Refusal { code, message: "no".to_owned(), retry_after };
        let response = refused(refusal, Request::new(())).await;
        assert_eq!(response.status(), status);
        let found = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(found, seconds);
        assert_eq!(told(&response), None);
    }
}

#[test]
fn jitter_adds_up_to_a_quarter_and_never_shortens() {
    fastrand::seed(7);
    let drawn: Vec<_> = (0..1000).map(|_| jittered(Duration::from_millis(1000))).collect();
    let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
    assert!(*least >= Duration::from_millis(1000) && *least < Duration::from_millis(1010));
    assert!(*most <= Duration::from_millis(1250) && *most > Duration::from_millis(1240));
}

#[test]
fn addresses_are_told_apart_as_their_owners_are() {
    let keys = KeyOf::new(by_peer);
    let key = |address: &str| keys.find(&call_from(address, "/a.B/C"));
    for (one, other, same) in [
        ("1.2.3.4:1", "1.2.3.4:2", true),
        ("1.2.3.4:1", "1.2.3.5:1", false),
        ("1.2.3.4:1", "[::ffff:1.2.3.4]:1", true),
        ("[2001:db8::1]:1", "[2001:db8::ffff:ffff:ffff:ffff]:2", true),
        ("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false),
        ("0.0.0.0:1", "[::]:1", false),
    ] {
        assert_eq!(key(one) == key(other), same, "{one} and {other}");
    }
    assert_eq!(keys.find(&call("/a.B/C")), None, "no address");
}

#[tokio::test]
async fn identities_are_told_apart_by_issuer_and_subject_and_else_by_address() {
    let keys = KeyOf::new(by_identity_or_peer);
    let signer = SigningKey::generate().unwrap().with_id("k");
    let store = KeySet::parse(signer.public_jwks().as_bytes()).unwrap();
    let verifiers = ["ab", "a", "other"].map(|issuer| {
        let rules = TokenRules::new(issuer, ["a"]).unwrap();
        (issuer, Verifier::new(KeyStore::fixed(store.clone()), rules))
    });
    let identity = async |issuer: &str, subject: &str| {
        let (_, verifier) = verifiers.iter().find(|(name, _)| *name == issuer).unwrap();
        let token = mint(&signer, &Claims::new(issuer, subject, ["a"])).unwrap();
        verifier.verify(&token).await.unwrap()
    };
    let key = async |address: &str, who: Option<(&str, &str)>| {
        let mut call = call_from(address, "/a.B/C");
        if let Some((issuer, subject)) = who {
            call.extensions_mut().insert(identity(issuer, subject).await);
        }
        keys.find(&call).unwrap()
    };
    let gopher = key("1.1.1.1:1", Some(("ab", "c"))).await;
    assert_eq!(gopher, key("2.2.2.2:2", Some(("ab", "c"))).await, "wherever it comes from");
    assert_ne!(gopher, key("1.1.1.1:1", Some(("a", "bc"))).await);
    assert_ne!(gopher, key("1.1.1.1:1", Some(("other", "c"))).await, "another issuer");
    assert_ne!(gopher, key("1.1.1.1:1", Some(("ab", "d"))).await, "another subject");
    assert_ne!(gopher, key("1.1.1.1:1", None).await);
    assert_eq!(key("1.1.1.1:1", None).await, key("1.1.1.1:2", None).await);
}

#[test]
fn nobody_can_tell_which_names_share_a_part() {
    let of = |keys: &KeyOf| keys.find(&call_from("1.2.3.4:1", "/a.B/C"));
    assert_ne!(of(&KeyOf::new(by_peer)), of(&KeyOf::new(by_peer)), "each layer has a seed");
}

#[test]
fn room_is_never_more_than_was_asked_for() {
    for max_keys in [0, 1, 5, 256, 1000, 4096, 65_536, 100_001] {
        let sharded = Sharded::<u32>::new(max_keys);
        let room = sharded.keys_per_shard() * sharded.each().count();
        assert!(room <= max_keys && room + 16 > max_keys, "{room} for {max_keys}");
    }
}
