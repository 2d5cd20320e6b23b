use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::policy::state_of_all;
use super::ring::{Member, Ring};
use super::{Config, RingHash};
use crate::policy::testing::{FakeController, endpoint, endpoints, pick, pick_with};
use crate::policy::{Picture, Policy, PolicyConfig};
use crate::service_config::Fields;
use crate::subchannel::SubchannelState;
use crate::{ConnectivityState, Endpoint, ServiceConfigError};

fn parse(json: &serde_json::Value) -> Result<Config, ServiceConfigError> {
    Config::parse(&Fields::new(json, "p")?)
}

fn by_user() -> PolicyConfig {
    let header = Some("user".parse().unwrap());
    PolicyConfig::RingHash(Config { request_hash_header: header, ..Config::default() })
}

fn policy(endpoints: &[Endpoint]) -> (RingHash, FakeController) {
    fastrand::seed(7);
    let (mut policy, mut controller) = (RingHash::default(), FakeController::default());
    policy.update(endpoints, &by_user(), &mut controller);
    (policy, controller)
}

/// As [`policy`], with every endpoint READY.
fn connected(endpoints: &[Endpoint]) -> (RingHash, FakeController) {
    let (mut policy, mut controller) = policy(endpoints);
    let ids: Vec<_> = controller.made.keys().copied().collect();
    for id in ids {
        controller.make_ready(&mut policy, id);
    }
    (policy, controller)
}

fn headers(users: &[&str]) -> HeaderMap {
    users
        .iter()
        .map(|user| ("user".parse().unwrap(), HeaderValue::from_str(user).unwrap()))
        .collect()
}

fn pick_user(picture: &Picture, user: &str) -> String {
    pick_with(picture, &headers(&[user]))
}

/// The number of the endpoint `10.0.0.N:1` that each of 10,000 users gets.
fn owners(picture: &Picture) -> Vec<String> {
    (0..10_000).map(|user| pick_user(picture, &format!("user-{user}"))).collect()
}

fn share(owners: &[String], address: &str) -> f64 {
    owners.iter().filter(|owner| *owner == address).count() as f64 / owners.len() as f64
}

#[test]
fn settings_have_their_defaults_and_bounds() {
    for (json, expected) in [
        (json!({}), Ok((1024, 4096))),
        (json!({"minRingSize": 1, "maxRingSize": "2"}), Ok((1, 2))),
        (json!({"minRingSize": 0, "maxRingSize": 0}), Ok((1024, 4096))),
        (json!({"minRingSize": 4096}), Ok((4096, 4096))),
        // Compared before they are capped.
        (json!({"minRingSize": 4097}), Err("p.minRingSize")),
        (json!({"maxRingSize": 1023}), Err("p.minRingSize")),
        (json!({"minRingSize": 8_388_608, "maxRingSize": 8_388_608}), Ok((8_388_608, 8_388_608))),
        (json!({"maxRingSize": 8_388_609}), Err("p.maxRingSize")),
        (json!({"minRingSize": 8_388_609}), Err("p.minRingSize")),
    ] {
        let parsed = parse(&json);
        let sizes = |config: &Config| (config.min_ring_size, config.max_ring_size);
        assert_eq!(parsed.as_ref().map(sizes).map_err(|e| e.field()), expected, "{json}");
    }
    assert_eq!(Config::default().ring_size_cap, 4096);
}

#[test]
fn header_to_hash_is_a_text_header_as_grpc_allows_it() {
    for (name, expected) in [
        ("user", Ok(Some("user"))),
        ("X-User_1.a", Ok(Some("x-user_1.a"))),
        ("", Ok(None)),
        ("user-bin", Err("p.requestHashHeader")),
        ("USER-BIN", Err("p.requestHashHeader")),
        ("us er", Err("p.requestHashHeader")),
        ("user!", Err("p.requestHashHeader")),
        (":path", Err("p.requestHashHeader")),
        ("Benützer", Err("p.requestHashHeader")),
    ] {
        let parsed = parse(&json!({"requestHashHeader": name}));
        let header = parsed.as_ref().map(|c| c.request_hash_header.as_ref().map(|h| h.as_str()));
        assert_eq!(header.map_err(|e| e.field()), expected, "{name}");
    }
}

#[test]
fn ring_is_the_smallest_with_whole_numbers_of_the_least_within_its_bounds() {
    const M8: u32 = 8_388_608;
    for (weights, min, max, cap, expected) in [
        (&[1, 1, 1][..], 1024, 4096, 4096, &[342, 342, 342][..]),
        (&[1], 1024, 4096, 4096, &[1024]),
        (&[1, 3], 1024, 4096, 4096, &[256, 768]),
        (&[20, 10], 1024, 4096, 4096, &[684, 342]),
        // 0 counts as 1.
        (&[0, 1], 1024, 4096, 4096, &[512, 512]),
        // The least has 2 entries of 1001 x 2.
        (&[1, 1000], 1024, 4096, 4096, &[2, 2000]),
        // Its one entry would need a ring of 5001: capped by maxRingSize, and then by the client.
        (&[1, 5000], 1024, 4096, M8, &[1, 4095]),
        (&[1, 5000], 1024, M8, 4096, &[1, 4095]),
        (&[1, 5000], 1024, M8, M8, &[1, 5000]),
        (&[1, 1, 1], M8, M8, 4096, &[1366, 1365, 1365]),
        (&[1, 1, 1], 1024, 4096, 100, &[34, 33, 33]),
        // The example of Envoy, and of grpc-go: 2.0, 2.0 and 2.7 entries.
        (&[3, 3, 4], 6, 20, 4096, &[2, 2, 3]),
        (&[1, 1, 1], 1, 2, 4096, &[1, 1, 0]),
    ] {
        let config = Config {
            min_ring_size: min,
            max_ring_size: max,
            ring_size_cap: cap,
            request_hash_header: None,
        };
        let members: Vec<_> = endpoints(1..=weights.len() as u8)
            .into_iter()
            .zip(weights)
            .map(|(endpoint, &weight)| Member::new(&Endpoint { weight, ..endpoint }))
            .collect();
        let mut counts = vec![0; weights.len()];
        Ring::new(&members, &config).from(0).for_each(|endpoint| counts[endpoint] += 1);
        assert_eq!(counts, expected, "{weights:?}, {min} to {max}, cap {cap}");
    }
}

/// Computed by another implementation, which looks for the nearest of all entries: XXH64 with seed 0 of `10.0.0.N:1_I`, N from 1 to 3, I from 0 to 341.
#[tokio::test(start_paused = true)]
async fn calls_go_where_other_implementations_send_them() {
    let (mut policy, _) = connected(&endpoints(1..=3));
    let picture = policy.picture().unwrap();
    let expected = [2, 2, 1, 3, 2, 3, 2, 1, 2, 1, 1, 3];
    for (user, endpoint) in expected.into_iter().enumerate() {
        let picked = pick_user(&picture, &format!("user-{user}"));
        assert_eq!(picked, format!("10.0.0.{endpoint}:1"), "user-{user}");
    }
    for (values, endpoint) in [
        (&["a"][..], 2),
        (&["ab"], 1),
        // Several values are one with commas between them.
        (&["a", "b"], 3),
        (&["a,b"], 3),
        (&["b", "a"], 1),
        (&["a", "b", "c"], 3),
        (&["a,b", "c"], 3),
        (&["", ""], 1),
    ] {
        let picked = pick_with(&picture, &headers(values));
        assert_eq!(picked, format!("10.0.0.{endpoint}:1"), "{values:?}");
    }
}

#[test]
fn hashes_beyond_the_last_entry_belong_to_the_first() {
    let members: Vec<_> = endpoints(1..=3).iter().map(Member::new).collect();
    let ring = Ring::new(&members, &Config::default());
    // By the same other implementation: the two lowest entries are of the first endpoint, the third of the second, the highest of the third.
    for (hash, endpoints) in [
        (0, &[0, 0, 1][..]),
        (0x003f_d6e9_ff8a_fd59, &[0, 0, 1]),
        (0x003f_d6e9_ff8a_fd5a, &[0, 1]),
        (0x0074_9ea8_a670_ec91, &[1]),
        (0xff91_8e8c_3774_3599, &[2, 0, 0, 1]),
        (0xff91_8e8c_3774_359a, &[0, 0, 1]),
        (u64::MAX, &[0, 0, 1]),
    ] {
        let next: Vec<_> = ring.from(hash).take(endpoints.len()).collect();
        assert_eq!(next, endpoints, "from {hash:#x}");
        assert_eq!(ring.from(hash).count(), 1026, "every entry once");
    }
}

#[test]
fn ring_does_not_depend_on_the_order_of_the_list() {
    // 100 entries for three: whose turn it is to get one more is not up to the resolver.
    let config = Config { ring_size_cap: 100, ..Config::default() };
    let keys = |order: [u8; 3]| {
        let members: Vec<_> = endpoints(order).iter().map(Member::new).collect();
        Ring::new(&members, &config).from(0).map(|index| order[index]).collect::<Vec<_>>()
    };
    assert_eq!(keys([1, 2, 3]), keys([3, 2, 1]));
    assert_eq!(keys([1, 2, 3]), keys([2, 3, 1]));
}

#[tokio::test(start_paused = true)]
async fn shares_follow_weights() {
    let mut list = endpoints(1..=3);
    list[1].weight = 2;
    list[2].weight = 5;
    let (mut policy, _) = connected(&list);
    let owners = owners(&policy.picture().unwrap());
    for (address, expected) in [("10.0.0.1:1", 0.125), ("10.0.0.2:1", 0.25), ("10.0.0.3:1", 0.625)]
    {
        let share = share(&owners, address);
        assert!((share / expected - 1.0).abs() < 0.1, "{share} for {address}");
    }
}

#[tokio::test(start_paused = true)]
async fn endpoint_that_is_listed_twice_counts_twice() {
    let mut list = endpoints([1, 2, 2]);
    let (mut policy, controller) = connected(&list);
    assert_eq!(controller.made.len(), 2);
    let twice = owners(&policy.picture().unwrap());
    list.pop();
    list[1].weight = 2;
    let (mut policy, _) = connected(&list);
    assert_eq!(twice, owners(&policy.picture().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn only_the_calls_of_an_endpoint_that_fails_move_and_they_come_back() {
    let (mut policy, mut controller) = connected(&endpoints(1..=10));
    let before = owners(&policy.picture().unwrap());
    let gone = controller.subchannel(&endpoints([4])[0].addresses[0]).id();
    controller.fail(&mut policy, gone, "gone");
    let during = owners(&policy.picture().unwrap());
    for (before, during) in before.iter().zip(&during) {
        assert_eq!(before == "10.0.0.4:1", before != during, "{before} to {during}");
    }
    let mut heirs: Vec<_> =
        before.iter().zip(&during).filter(|(before, during)| before != during).collect();
    heirs.sort();
    heirs.dedup();
    assert_eq!(heirs.len(), 9, "everyone else takes a part of its calls");
    controller.make_ready(&mut policy, gone);
    assert_eq!(before, owners(&policy.picture().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn few_calls_of_others_move_when_an_endpoint_leaves_the_list() {
    let list = endpoints(1..=10);
    let (mut policy, mut controller) = connected(&list);
    let before = owners(&policy.picture().unwrap());
    let mut left = list.clone();
    left.remove(3);
    left.reverse();
    policy.update(&left, &by_user(), &mut controller);
    let after = owners(&policy.picture().unwrap());
    assert_eq!(share(&after, "10.0.0.4:1"), 0.0);
    let stayed = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    // A tenth has to move. The nine get 114 entries each instead of 103, which moves about a tenth of the rest.
    assert!(stayed > 7_800, "{stayed} stayed");
    policy.update(&list, &by_user(), &mut controller);
    controller.make_ready(&mut policy, controller.made.keys().copied().last().unwrap());
    assert_eq!(before, owners(&policy.picture().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn hash_key_places_an_endpoint_whatever_its_address() {
    let named = |numbers: [u8; 3]| {
        let mut list = endpoints(numbers);
        for (name, endpoint) in ["a", "b", "c"].into_iter().zip(&mut list) {
            endpoint.hash_key = Some(name.into());
        }
        list
    };
    let (mut policy, mut controller) = connected(&named([1, 2, 3]));
    let before = owners(&policy.picture().unwrap());
    policy.update(&named([4, 5, 6]), &by_user(), &mut controller);
    let ids: Vec<_> = controller.made.keys().copied().skip(3).collect();
    for id in ids {
        controller.make_ready(&mut policy, id);
    }
    let after = owners(&policy.picture().unwrap());
    let renamed = BTreeMap::from([
        ("10.0.0.1:1", "10.0.0.4:1"),
        ("10.0.0.2:1", "10.0.0.5:1"),
        ("10.0.0.3:1", "10.0.0.6:1"),
    ]);
    assert!(before.iter().zip(&after).all(|(before, after)| renamed[before.as_str()] == after));
    // An empty one is none.
    let mut list = endpoints(1..=3);
    let plain: Vec<_> = list.iter().map(Member::new).collect();
    list.iter_mut().for_each(|endpoint| endpoint.hash_key = Some(String::new()));
    assert_eq!(plain, list.iter().map(Member::new).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn ring_is_made_anew_only_when_its_members_or_its_size_change() {
    let mut list = endpoints(1..=3);
    let (mut policy, mut controller) = connected(&list);
    let ring = |policy: &mut RingHash| {
        policy.picture().unwrap();
        policy.ring.clone().unwrap()
    };
    let first = ring(&mut policy);
    policy.update(&list, &by_user(), &mut controller);
    assert!(Arc::ptr_eq(&first, &ring(&mut policy)), "nothing has changed");
    controller.fail(&mut policy, controller.made.keys().copied().next().unwrap(), "gone");
    assert!(Arc::ptr_eq(&first, &ring(&mut policy)), "only a state has changed");
    list[0].weight = 2;
    policy.update(&list, &by_user(), &mut controller);
    let second = ring(&mut policy);
    assert!(!Arc::ptr_eq(&first, &second), "a weight has changed");
    let mut config = by_user();
    config.set_ring_size_cap(100);
    policy.update(&list, &config, &mut controller);
    assert_eq!(ring(&mut policy).from(0).count(), 100, "the cap has changed");
}

#[test]
fn states_become_one_by_the_rules_of_a42() {
    use ConnectivityState::{Connecting as C, Idle as I, Ready as R, TransientFailure as F};
    for (states, expected) in [
        // 1: any READY.
        (&[I, C, F, F, R][..], R),
        // 2: two or more failures.
        (&[F, F, C, I], F),
        (&[F, F], F),
        // 3: any CONNECTING.
        (&[C, I], C),
        (&[C, F], C),
        (&[C], C),
        // 4: one failure and more than one endpoint.
        (&[F, I], C),
        (&[I, F, I], C),
        // 5: any IDLE.
        (&[I, I], I),
        (&[I], I),
        // 6: otherwise.
        (&[F], F),
        (&[], F),
    ] {
        assert_eq!(state_of_all(states.iter().copied()), expected, "{states:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_endpoint_that_a_call_goes_to_is_connected() {
    let (mut policy, mut controller) = policy(&endpoints(1..=3));
    let picture = policy.picture().unwrap();
    assert_eq!(picture.state, ConnectivityState::Idle);
    policy.exit_idle(&mut controller);
    assert!(controller.connects().is_empty(), "nothing is connected before a call asks for it");

    assert_eq!(pick_user(&picture, "user-0"), "queue");
    assert_eq!(pick_user(&picture, "user-0"), "queue");
    let asked = controller.connects();
    assert_eq!(asked.len(), 1);
    assert_eq!(controller.made[&asked[0]].address().to_string(), "10.0.0.2:1");

    policy.subchannel_changed(asked[0], &SubchannelState::Connecting, &mut controller);
    let picture = policy.picture().unwrap();
    assert_eq!(picture.state, ConnectivityState::Connecting);
    assert_eq!(pick_user(&picture, "user-0"), "queue");
    assert!(controller.connects().is_empty(), "it is connecting already");

    policy.subchannel_changed(asked[0], &SubchannelState::Ready, &mut controller);
    let picture = policy.picture().unwrap();
    assert_eq!(picture.state, ConnectivityState::Ready);
    assert_eq!(pick_user(&picture, "user-0"), "10.0.0.2:1");
    assert!(policy.picture().is_none(), "nothing has changed");
    assert_eq!(pick_user(&picture, "user-3"), "queue", "that is another's, which is idle");
    assert_eq!(controller.connects().len(), 1);

    policy.subchannel_changed(asked[0], &SubchannelState::Idle, &mut controller);
    let picture = policy.picture().unwrap();
    assert_eq!(
        picture.state,
        ConnectivityState::Idle,
        "a lost connection is not made again by itself"
    );
    assert!(controller.connects().is_empty());
    assert_eq!(pick_user(&picture, "user-0"), "queue");
    assert_eq!(controller.connects(), asked);
}

#[tokio::test(start_paused = true)]
async fn one_more_is_connected_for_each_that_fails_without_any_call() {
    let (mut policy, mut controller) = policy(&endpoints(1..=4));
    let first = *controller.made.keys().next().unwrap();
    controller.fail(&mut policy, first, "refused");
    for state in [ConnectivityState::Connecting, ConnectivityState::TransientFailure] {
        assert_eq!(policy.picture().unwrap().state, state);
        let asked = controller.connects();
        assert_eq!(asked.len(), 1, "one more");
        policy.subchannel_changed(asked[0], &SubchannelState::Connecting, &mut controller);
        assert!(controller.connects().is_empty(), "not while one is connecting");
        controller.fail(&mut policy, asked[0], "refused");
    }
    assert_eq!(policy.picture().unwrap().state, ConnectivityState::TransientFailure);
    let last = controller.connects();
    assert_eq!(last.len(), 1);
    controller.make_ready(&mut policy, last[0]);
    let picture = policy.picture().unwrap();
    assert_eq!(picture.state, ConnectivityState::Ready);
    let address = controller.made[&last[0]].address().to_string();
    assert!(owners(&picture).iter().all(|owner| *owner == address), "it takes every call");
}

#[tokio::test(start_paused = true)]
async fn one_more_is_connected_when_the_one_that_was_connecting_leaves_the_list() {
    let (mut policy, mut controller) = policy(&endpoints(1..=3));
    let first = *controller.made.keys().next().unwrap();
    controller.fail(&mut policy, first, "refused");
    let connecting = controller.connects();
    assert_eq!(controller.made[&connecting[0]].address().to_string(), "10.0.0.2:1");
    policy.update(&endpoints([1, 3]), &by_user(), &mut controller);
    let asked = controller.connects();
    assert_eq!(asked.len(), 1);
    assert_eq!(controller.made[&asked[0]].address().to_string(), "10.0.0.3:1");
}

#[tokio::test(start_paused = true)]
async fn calls_pass_over_endpoints_that_have_failed_and_wait_for_the_next() {
    // By `calls_go_where_other_implementations_send_them`, this is a call of the second endpoint.
    let (mut policy, mut controller) = policy(&endpoints(1..=3));
    let picture = policy.picture().unwrap();
    assert_eq!(pick_user(&picture, "user-0"), "queue");
    let own = controller.connects();
    controller.fail(&mut policy, own[0], "refused");
    let [other, another] = [0, 2].map(|n| *controller.made.keys().nth(n).unwrap());
    // The policy itself connects the first that is IDLE, and the call waits for whichever is next.
    assert_eq!(controller.connects(), [other]);
    assert_eq!(pick_user(&policy.picture().unwrap(), "user-0"), "queue");
    controller.make_ready(&mut policy, other);
    controller.make_ready(&mut policy, another);
    let picked = pick_user(&policy.picture().unwrap(), "user-0");
    assert!(["10.0.0.1:1", "10.0.0.3:1"].contains(&picked.as_str()), "{picked}");
    controller.make_ready(&mut policy, own[0]);
    assert_eq!(pick_user(&policy.picture().unwrap(), "user-0"), "10.0.0.2:1", "its own is back");
}

#[tokio::test(start_paused = true)]
async fn every_address_of_an_endpoint_that_a_call_connects_is_tried() {
    let (mut policy, mut controller) = policy(&[endpoint(&["10.0.0.1:1", "10.0.0.9:1"])]);
    assert_eq!(pick_user(&policy.picture().unwrap(), "user"), "queue");
    let first = controller.connects();
    assert_eq!(controller.made[&first[0]].address().to_string(), "10.0.0.1:1");
    controller.fail(&mut policy, first[0], "refused");
    assert_eq!(controller.asked(), ["10.0.0.9:1"]);
    let second = controller.subchannel(&endpoints([9])[0].addresses[0]).id();
    controller.make_ready(&mut policy, second);
    assert_eq!(pick_user(&policy.picture().unwrap(), "user"), "10.0.0.9:1");
}

#[tokio::test(start_paused = true)]
async fn calls_fail_with_the_reason_of_their_own_endpoint_when_all_have_failed() {
    let (mut policy, mut controller) = policy(&endpoints(1..=3));
    for (number, id) in (1..).zip(controller.made.keys().copied().collect::<Vec<_>>()) {
        controller.fail(&mut policy, id, &format!("refused {number}"));
    }
    let picture = policy.picture().unwrap();
    assert_eq!(picture.state, ConnectivityState::TransientFailure);
    let fails =
        |number| format!("fail: ring_hash finds no endpoint that can be reached: refused {number}");
    // The endpoints of `calls_go_where_other_implementations_send_them`.
    assert_eq!(pick_user(&picture, "user-0"), fails(2));
    assert_eq!(pick_user(&picture, "user-2"), fails(1));
    assert_eq!(pick_user(&picture, "user-3"), fails(3));
    assert!(pick(&picture).starts_with("fail: "));
}

#[tokio::test(start_paused = true)]
async fn calls_without_the_header_wait_for_one_connection_at_a_time_and_then_for_none() {
    let (mut policy, mut controller) = policy(&endpoints(1..=3));
    let picture = policy.picture().unwrap();
    for empty in [HeaderMap::new(), headers(&[""])] {
        assert_eq!(pick_with(&picture, &empty), "queue");
        assert_eq!(controller.connects().len(), 1, "one");
    }
    let first = *controller.made.keys().next().unwrap();
    policy.subchannel_changed(first, &SubchannelState::Connecting, &mut controller);
    let picture = policy.picture().unwrap();
    for _ in 0..100 {
        assert_eq!(pick(&picture), "queue");
    }
    assert!(controller.connects().is_empty(), "none while one is connecting");

    policy.subchannel_changed(first, &SubchannelState::Ready, &mut controller);
    let picture = policy.picture().unwrap();
    for _ in 0..100 {
        assert_eq!(pick(&picture), "10.0.0.1:1", "no call waits while one is READY");
    }
    assert!(!controller.connects().is_empty(), "those on the way to it are asked to connect");
    for id in controller.made.keys().copied().skip(1).collect::<Vec<_>>() {
        controller.make_ready(&mut policy, id);
    }
    let picture = policy.picture().unwrap();
    let owners: Vec<_> = (0..10_000).map(|_| pick(&picture)).collect();
    for number in 1..=3 {
        let share = share(&owners, &format!("10.0.0.{number}:1"));
        assert!((share - 1.0 / 3.0).abs() < 0.05, "{share}");
    }
}

#[tokio::test(start_paused = true)]
async fn empty_header_is_none() {
    for ready in 0..3 {
        let (mut policy, mut controller) = policy(&endpoints(1..=3));
        let id = *controller.made.keys().nth(ready).unwrap();
        controller.make_ready(&mut policy, id);
        let picture = policy.picture().unwrap();
        let picked = pick_with(&picture, &headers(&[""]));
        assert_eq!(picked, format!("10.0.0.{}:1", ready + 1), "it is no hash of its own");
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_without_the_header_asks_for_one_connection_at_most() {
    for seed in 0..50 {
        let (mut policy, mut controller) = policy(&endpoints(1..=5));
        let first = *controller.made.keys().next().unwrap();
        controller.make_ready(&mut policy, first);
        let picture = policy.picture().unwrap();
        fastrand::seed(seed);
        assert_eq!(pick(&picture), "10.0.0.1:1");
        assert!(controller.connects().len() <= 1, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_fail_without_a_header_to_hash() {
    let (mut policy, mut controller) = (RingHash::default(), FakeController::default());
    let config = PolicyConfig::RingHash(Config::default());
    policy.update(&endpoints(1..=3), &config, &mut controller);
    let picture = policy.picture().unwrap();
    assert_eq!(pick_user(&picture, "user-0"), "fail: ring_hash has no requestHashHeader to hash");
    assert!(controller.connects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn new_header_takes_effect_without_a_new_ring() {
    let list = endpoints(1..=3);
    let (mut policy, mut controller) = connected(&list);
    let owners_by_user = owners(&policy.picture().unwrap());
    let header = Some("tenant".parse().unwrap());
    let config = Config { request_hash_header: header, ..Config::default() };
    policy.update(&list, &PolicyConfig::RingHash(config), &mut controller);
    let picture = policy.picture().unwrap();
    for (number, owner) in owners_by_user.iter().enumerate().take(100) {
        let mut headers = headers(&["ignored"]);
        headers.insert("tenant", format!("user-{number}").parse().unwrap());
        assert_eq!(pick_with(&picture, &headers), *owner);
    }
}
