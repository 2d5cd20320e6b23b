use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::{Duration, advance};
use wayside_balance::resolver::NoSuchName;
use wayside_balance::{Endpoint, ResolveNow, Resolver};

use super::{Lease, Leases, Load};
use crate::Key;

const GRACE: Duration = Duration::from_secs(3);

fn key() -> Key {
    "default/greet:50051".parse().unwrap()
}

fn join(leases: &Arc<Leases>, number: u8) -> Lease {
    let address = SocketAddr::from(([10, 0, 0, number], 1));
    let endpoint = Endpoint::new(address, "greet".parse().unwrap());
    leases.join(&key(), address, endpoint).unwrap()
}

/// The last byte and the weight of each endpoint, if there is news.
fn news(resolver: &mut impl Resolver) -> Option<Vec<(String, u32)>> {
    let answer = resolver.next(&ResolveNow::default()).now_or_never()?.unwrap();
    let shown = |one: &Endpoint| (one.addresses[0].to_string(), one.weight);
    Some(answer.endpoints.iter().map(shown).collect())
}

fn list(numbers: &[(u8, u32)]) -> Option<Vec<(String, u32)>> {
    Some(numbers.iter().map(|(number, weight)| (format!("10.0.0.{number}:1"), *weight)).collect())
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_there_until_its_lease_ends() {
    let leases = Leases::new(GRACE);
    let mut resolver = leases.resolver(&key());
    let unknown = resolver.next(&ResolveNow::default()).await.unwrap_err();
    assert!(NoSuchName::is_cause_of(&unknown));
    let (first, second) = (join(&leases, 2), join(&leases, 1));
    assert_eq!(news(&mut resolver), list(&[(1, 1), (2, 1)]), "in a stable order");
    second.end();
    assert_eq!(news(&mut resolver), list(&[(2, 1)]));
    first.end();
    assert_eq!(news(&mut resolver), list(&[]), "known, and empty");
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_forgiven_for_the_grace_and_nobody_is_told() {
    let leases = Leases::new(GRACE);
    let sweeping = tokio::spawn(leases.clone().sweep());
    let mut resolver = leases.resolver(&key());
    let lost = join(&leases, 1);
    assert_eq!(news(&mut resolver), list(&[(1, 1)]));
    drop(lost);
    advance(GRACE - Duration::from_millis(10)).await;
    let back = join(&leases, 1);
    advance(GRACE * 2).await;
    tokio::task::yield_now().await;
    assert_eq!(news(&mut resolver), None, "it came back in time");
    drop(back);
    advance(GRACE + Duration::from_millis(10)).await;
    while news(&mut resolver) != list(&[]) {
        advance(Duration::from_millis(1)).await;
    }
    sweeping.abort();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_older_stream_does_not_take_the_newer_one_with_it() {
    let leases = Leases::new(GRACE);
    let mut resolver = leases.resolver(&key());
    let (older, newer) = (join(&leases, 1), join(&leases, 1));
    assert_eq!(news(&mut resolver), list(&[(1, 1)]));
    older.end();
    assert_eq!(news(&mut resolver), None);
    newer.end();
    assert_eq!(news(&mut resolver), list(&[]));
}

#[tokio::test(start_paused = true)]
async fn loads_become_weights_relative_to_the_mean_and_small_changes_are_not_told() {
    let leases = Leases::new(GRACE);
    let mut resolver = leases.resolver(&key());
    let all = [1, 2, 3].map(|number| join(&leases, number));
    assert_eq!(news(&mut resolver), list(&[(1, 1), (2, 1), (3, 1)]));
    // At the same rate one is used half, the other a quarter: it could take twice as much. The third counts as the mean.
    let load = |utilization, rps, eps| Load { utilization, rps, eps };
    all[0].report(load(0.5, 100.0, 0.0));
    all[1].report(load(0.25, 100.0, 0.0));
    assert_eq!(news(&mut resolver), list(&[(1, 67), (2, 133), (3, 100)]));
    all[1].report(load(0.26, 100.0, 0.0));
    assert_eq!(news(&mut resolver), None, "4 % less is not worth a list");
    // Half of the calls fail, which counts as 50 % more use.
    all[1].report(load(0.25, 100.0, 50.0));
    assert_eq!(news(&mut resolver), list(&[(1, 120), (2, 80), (3, 100)]));
    for nothing in [load(0.0, 100.0, 0.0), load(f64::NAN, 1.0, 0.0), load(0.5, 0.0, 0.0)] {
        assert_eq!(nothing.weight(), None, "{nothing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_and_nobody_asks_for_is_forgotten() {
    let leases = Leases::new(GRACE);
    let resolver = leases.resolver(&key());
    let lease = join(&leases, 1);
    drop(resolver);
    assert_eq!(leases.services(), 1);
    lease.end();
    assert_eq!(leases.services(), 0);
    drop(leases.resolver(&key()));
    assert_eq!(leases.services(), 0);
}
