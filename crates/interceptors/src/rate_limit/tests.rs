use governor::RateLimiter;
use http::{Request, Response};
use http_body::Body;
use tokio::time::{Duration, advance};
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;

use super::buckets::Buckets;
use super::clock::SinceMade;
use super::limiter::Governor;
use super::*;
use crate::admission::testing::{answer, call, call_from, retry_info, told};
use crate::admission::{Caller, Key, by_peer};
use crate::selector::{HEALTH, Selector};

async fn made(layer: &RateLimitLayer, request: Request<()>) -> Response<impl Body> {
    layer.layer(service_fn(answer)).oneshot(request).await.unwrap()
}

async fn passes(layer: &RateLimitLayer, request: Request<()>) -> bool {
    told(&made(layer, request).await).is_none()
}

/// How many of so many calls pass.
async fn passing(layer: &RateLimitLayer, count: u32, request: impl Fn() -> Request<()>) -> u32 {
    let mut passed = 0;
    for _ in 0..count {
        passed += u32::from(passes(layer, request()).await);
    }
    passed
}

fn tap() -> RateLimitLayer {
    RateLimitLayer::global(Quota::per_second(150, 5).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_burst_passes_and_then_one_call_for_each_150th_of_a_second() {
    let tap = tap();
    assert_eq!(passing(&tap, 20, || call("/a.B/C")).await, 5);
    for _ in 0..100 {
        advance(Duration::from_nanos(6_666_665)).await;
        assert!(!passes(&tap, call("/a.B/C")).await, "a nanosecond too early");
        advance(Duration::from_nanos(1)).await;
        assert_eq!(passing(&tap, 3, || call("/a.B/C")).await, 1);
    }
    advance(Duration::from_secs(3600)).await;
    assert_eq!(passing(&tap, 20, || call("/a.B/C")).await, 5, "no more than the burst is saved up");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_calls_a_second_are_a_hundred_and_fifty() {
    let tap = tap();
    let mut passed = 0;
    for _ in 0..2000 {
        passed += u32::from(passes(&tap, call("/a.B/C")).await);
        advance(Duration::from_millis(5)).await;
    }
    assert!((1500..=1505).contains(&passed), "{passed} in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_tap_says_so_and_when_to_come_back() {
    let tap = RateLimitLayer::global(Quota::per_second(10, 1).unwrap());
    assert!(passes(&tap, call("/a.B/C")).await);
    advance(Duration::from_millis(20)).await;
    let response = made(&tap, call("/a.B/C")).await;
    let told = told(&response).unwrap();
    assert_eq!((&*told.code, &*told.message), ("8", "service is over rate limit"));
    let millis = told.pushback_ms.unwrap();
    assert!((80..=100).contains(&millis), "{millis} of 80 and up to a quarter");
    assert_eq!(retry_info(&response), Some(Duration::from_millis(millis)));
    advance(Duration::from_millis(millis)).await;
    assert!(passes(&tap, call("/a.B/C")).await, "what was told is late enough");
}

#[tokio::test(start_paused = true)]
async fn refused_callers_are_not_told_to_come_back_together() {
    let tap = RateLimitLayer::global(Quota::per_second(1, 1).unwrap());
    assert!(passes(&tap, call("/a.B/C")).await);
    let mut told_times = std::collections::HashSet::new();
    for _ in 0..100 {
        let refused = made(&tap, call("/a.B/C")).await;
        told_times.insert(told(&refused).unwrap().pushback_ms.unwrap());
    }
    assert!(told_times.len() > 50, "{told_times:?}");
    assert!(told_times.iter().all(|millis| (1000..=1250).contains(millis)), "{told_times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_grpc_is_too_many_requests() {
    let tap = RateLimitLayer::global(Quota::per_minute(30, 1).unwrap());
    assert!(passes(&tap, Request::new(())).await);
    let response = made(&tap, Request::new(())).await;
    assert_eq!(response.status(), 429);
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((2..=3).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn health_checks_pass_the_tap_and_do_not_count() {
    let tap = tap();
    assert_eq!(passing(&tap, 100, || call("/grpc.health.v1.Health/Check")).await, 100);
    assert_eq!(passing(&tap, 10, || call("/a.B/C")).await, 5);
    assert!(passes(&tap, call("/grpc.health.v1.Health/Watch")).await);
}

#[tokio::test(start_paused = true)]
async fn clones_and_services_of_a_layer_share_the_quota() {
    let tap = tap();
    let mut service = tap.layer(service_fn(answer));
    for _ in 0..2 {
        let response = service.ready().await.unwrap().call(call("/a.B/C")).await.unwrap();
        assert_eq!(told(&response), None);
        assert!(passes(&tap.clone(), call("/a.B/C")).await);
    }
    assert_eq!(passing(&tap, 10, || call("/a.B/C")).await, 1);
}

fn each(calls: u32, burst: u32) -> Option<Quota> {
    Some(Quota::per_second(calls, burst).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_a_quota_of_its_own() {
    let layer = RateLimitLayer::keyed(each(1, 3), by_peer);
    assert_eq!(passing(&layer, 10, || call_from("1.1.1.1:1", "/a.B/C")).await, 3);
    assert_eq!(passing(&layer, 10, || call_from("2.2.2.2:1", "/a.B/C")).await, 3);
    let again = made(&layer, call_from("1.1.1.1:2", "/a.B/C")).await;
    let told = told(&again).unwrap();
    assert_eq!(told.code, "8");
    assert_eq!(told.message, "/a.B/C is rejected by the rate limit, please retry later.");
    assert!((1000..=1250).contains(&told.pushback_ms.unwrap()));
    assert_eq!(passing(&layer, 10, || call("/a.B/C")).await, 10, "nobody is not limited");
}

#[tokio::test(start_paused = true)]
async fn methods_share_a_quota_exactly_if_they_share_an_entry() {
    let quotas = Selector::builder(each(1, 3))
        .on("/a.B/*", each(1, 2))
        .on("/a.B/Dump", each(1, 1))
        .on(HEALTH, None)
        .build()
        .unwrap();
    let layer = RateLimitLayer::keyed(quotas, by_peer);
    let of = async |path| passing(&layer, 5, || call_from("1.1.1.1:1", path)).await;
    assert_eq!(of("/a.B/Get").await, 2);
    assert_eq!(of("/a.B/Put").await, 0, "the same entry");
    assert_eq!(of("/a.B/Dump").await, 1);
    assert_eq!(of("/c.D/Get").await, 3);
    assert_eq!(of("/e.F/Get").await, 0, "the default is an entry");
    assert_eq!(of("/grpc.health.v1.Health/Check").await, 5);
}

/// Who calls, as a layer outside might have found out.
#[derive(Clone, Hash)]
struct Account(u64);

fn by_account(caller: &Caller<'_>) -> Option<Key> {
    caller.extensions().get::<Account>().map(|account| caller.key(account))
}

fn call_by(account: u64) -> Request<()> {
    let mut call = call("/a.B/C");
    call.extensions_mut().insert(Account(account));
    call
}

#[tokio::test(start_paused = true)]
async fn callers_without_room_share_one_quota_until_there_is_room() {
    let layer = RateLimitLayer::keyed_up_to(4, each(1, 1), by_account);
    for account in 0..4 {
        assert!(passes(&layer, call_by(account)).await);
    }
    assert!(passes(&layer, call_by(4)).await, "the shared one");
    assert!(!passes(&layer, call_by(5)).await, "has been used up");
    advance(Duration::from_secs(1)).await;
    for account in 0..4 {
        assert!(passes(&layer, call_by(account)).await, "{account} is known");
    }
    advance(Duration::from_millis(1500)).await;
    for account in 10..14 {
        assert!(passes(&layer, call_by(account)).await, "the first four are whole again, and gone");
    }
    assert!(passes(&layer, call_by(14)).await);
    assert!(!passes(&layer, call_by(15)).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_up_callers_takes_nothing_from_those_who_are_known() {
    let layer = RateLimitLayer::keyed(each(10, 10), by_account);
    let mut made_up = 1_000;
    let mut refused = 0;
    for _ in 0..5 {
        // Ten calls a second each, which is all of their quota.
        for known in 0..100 {
            assert!(passes(&layer, call_by(known)).await);
        }
        for _ in 0..80_000 {
            made_up += 1;
            refused += u32::from(!passes(&layer, call_by(made_up)).await);
        }
        advance(Duration::from_millis(100)).await;
    }
    assert!(refused > 0, "there were more than there is room for");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_callers_take_the_room_of_65_536_at_most() {
    let quota = Quota::per_second(10, 10).unwrap().governor();
    let limiter: Governor<Key, Buckets> =
        RateLimiter::new(quota, Buckets::new(65_536), SinceMade::new());
    let keys = crate::admission::KeyOf::new(by_account);
    for account in 0..100_000 {
        let _ = limiter.check_key(&keys.find(&call_by(account)).unwrap());
    }
    let buckets = limiter.into_state_store();
    assert!((60_000..=65_536).contains(&buckets.len()), "{}", buckets.len());
}

#[tokio::test(start_paused = true)]
async fn callers_who_came_once_are_forgotten_before_there_is_no_room() {
    let quota = Quota::per_second(10, 10).unwrap().governor();
    let limiter: Governor<Key, Buckets> =
        RateLimiter::new(quota, Buckets::new(65_536), SinceMade::new());
    let keys = crate::admission::KeyOf::new(by_account);
    for account in 0..10_000 {
        let _ = limiter.check_key(&keys.find(&call_by(account)).unwrap());
    }
    advance(Duration::from_secs(61)).await;
    for account in 10_000..10_200 {
        let _ = limiter.check_key(&keys.find(&call_by(account)).unwrap());
    }
    let left = limiter.into_state_store().len();
    assert!((200..=300).contains(&left), "{left}");
}

#[test]
fn quotas_that_could_never_be_kept_are_refused() {
    assert_eq!(Quota::per_second(0, 1), Err(InvalidQuota::Nothing));
    assert_eq!(Quota::per_second(1, 0), Err(InvalidQuota::Nothing));
    assert_eq!(Quota::per_minute(1, u32::MAX), Err(InvalidQuota::TooLong));
    assert_eq!(Quota::per_second(1, u32::MAX), Err(InvalidQuota::TooLong));
    assert!(Quota::per_second(u32::MAX, u32::MAX).is_ok());
    assert!(Quota::per_minute(1, 500_000).is_ok());
}
