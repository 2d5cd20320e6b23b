//! The count is exact, whoever asks and however calls end.

use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::Duration;
use tonic::Code;

use super::*;
use crate::policy::testing::{FakeController, endpoints, pick};

fn config(settings: &Value) -> PolicyConfig {
    let policy = json!({ "circuit_breaking": settings });
    PolicyConfig::parse_list(&[(&policy, "list[0]".into())], "list").unwrap()
}

/// So many calls at most, over `round_robin`.
fn at_most(max: u32) -> PolicyConfig {
    config(&json!({ "maxConcurrentRequests": max, "childPolicy": [{ "round_robin": {} }] }))
}

/// A policy with one endpoint that is connected.
fn connected(config: &PolicyConfig) -> (Box<dyn Policy>, FakeController) {
    let (mut policy, mut controller) = (config.build(), FakeController::default());
    policy.update(&endpoints([1]), config, &mut controller);
    controller.connect_all(&mut *policy);
    (policy, controller)
}

const HERE: &str = "10.0.0.1:1";

fn full(max: u32) -> String {
    format!("drop: circuit breaking: maxConcurrentRequests lets {max} calls be under way at a time")
}

/// Ends so many calls.
fn end(controller: &FakeController, calls: usize) {
    let id = *controller.made.keys().next().unwrap();
    controller.call(id, Code::Ok, calls);
}

#[test]
fn the_default_is_1024_and_a_child_is_required() {
    let PolicyConfig::CircuitBreaking(config) =
        config(&json!({ "childPolicy": [{ "round_robin": {} }] }))
    else {
        panic!("not the policy that was asked for");
    };
    assert_eq!(config.max_concurrent_requests, 1024);
    let childless = json!({ "circuit_breaking": {} });
    let error = PolicyConfig::parse_list(&[(&childless, "list[0]".into())], "list").unwrap_err();
    assert_eq!(error.field(), "list[0].circuit_breaking.childPolicy");
}

#[test]
fn calls_above_the_limit_fail_as_unavailable_until_one_has_ended() {
    for (max, admitted) in [(0, 0), (1, 1), (3, 3)] {
        let (mut policy, controller) = connected(&at_most(max));
        let picture = policy.picture().unwrap();
        for _ in 0..admitted {
            assert_eq!(pick(&picture), HERE);
        }
        assert_eq!(pick(&picture), full(max));
        let headers = HeaderMap::new();
        match picture.picker.pick(&PickArgs { path: "/a.B/C", headers: &headers }) {
            Pick::Drop(status) => assert_eq!(status.code(), Code::Unavailable),
            other => panic!("{other:?}"),
        }
        if admitted > 0 {
            end(&controller, 1);
            assert_eq!(pick(&picture), HERE);
            assert_eq!(pick(&picture), full(max));
        }
    }
}

#[test]
fn a_call_that_comes_back_unsent_makes_room() {
    let (mut policy, controller) = connected(&at_most(1));
    let picture = policy.picture().unwrap();
    assert_eq!(pick(&picture), HERE);
    for tracker in controller.trackers.values().flatten() {
        tracker.returned();
    }
    assert_eq!(pick(&picture), HERE);
    assert_eq!(pick(&picture), full(1));
}

#[test]
fn a_call_that_waits_or_fails_is_not_counted() {
    let (config, mut controller) = (at_most(1), FakeController::default());
    let mut policy = config.build();
    policy.update(&endpoints([1]), &config, &mut controller);
    let connecting = policy.picture().unwrap();
    for _ in 0..3 {
        assert_eq!(pick(&connecting), "queue");
    }
    let id = controller.connects()[0];
    controller.fail(&mut *policy, id, "refused");
    let failing = policy.picture().unwrap();
    for _ in 0..3 {
        assert!(pick(&failing).starts_with("fail: "));
    }
    controller.make_ready(&mut *policy, id);
    let ready = policy.picture().unwrap();
    assert_eq!(pick(&ready), HERE);
    assert_eq!(pick(&ready), full(1));
    assert_eq!(pick(&connecting), full(1), "the count is that of all pickers");
}

#[test]
fn a_new_limit_counts_the_calls_under_way() {
    let (mut policy, mut controller) = connected(&at_most(5));
    let picture = policy.picture().unwrap();
    for _ in 0..5 {
        assert_eq!(pick(&picture), HERE);
    }
    policy.update(&endpoints([1]), &at_most(3), &mut controller);
    let picture = policy.picture().unwrap_or(picture);
    for expected in [full(3), full(3), HERE.to_owned(), HERE.to_owned()] {
        end(&controller, 1);
        assert_eq!(pick(&picture), expected);
    }
    assert_eq!(pick(&picture), full(3));
    policy.update(&endpoints([1]), &at_most(4), &mut controller);
    assert_eq!(pick(&picture), HERE);
}

#[test]
fn a_breaker_around_another_loses_no_count() {
    for (outer, inner) in [(1, 2), (2, 1)] {
        let inner_policy = json!({
            "maxConcurrentRequests": inner, "childPolicy": [{ "round_robin": {} }],
        });
        let (mut policy, controller) = connected(&config(&json!({
            "maxConcurrentRequests": outer,
            "childPolicy": [{ "circuit_breaking": inner_policy }],
        })));
        let picture = policy.picture().unwrap();
        for _ in 0..10 {
            assert_eq!(pick(&picture), HERE);
            assert_eq!(pick(&picture), full(1));
            end(&controller, 1);
        }
    }
}

/// What 64 threads do with one picker, whose limit is `max`.
struct Crowd<'a> {
    picker: &'a dyn Picker,
    headers: HeaderMap,
    tracker: &'a dyn CallTracker,
    under_way: AtomicUsize,
    /// The most that ever were.
    most: AtomicUsize,
}

impl Crowd<'_> {
    const THREADS: usize = 64;

    /// Whether a call gets through.
    fn begin(&self) -> bool {
        let pick = self.picker.pick(&PickArgs { path: "/a.B/C", headers: &self.headers });
        let through = matches!(pick, Pick::Subchannel(_));
        if through {
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(under_way, Ordering::SeqCst);
        }
        through
    }

    fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.tracker.ended(&CallEnd { code: Code::Ok, duration: Duration::ZERO, load: None });
    }

    /// Has every thread run this.
    fn run(&self, thread: impl Fn() + Sync) {
        std::thread::scope(|scope| {
            for _ in 0..Self::THREADS {
                scope.spawn(&thread);
            }
        });
    }

    /// Threads begin and end calls as they come. Returns how many got through.
    fn rush(&self, rounds: usize) -> usize {
        let through = AtomicUsize::new(0);
        self.run(|| {
            for _ in 0..rounds {
                if self.begin() {
                    through.fetch_add(1, Ordering::SeqCst);
                    self.end();
                }
            }
        });
        through.into_inner()
    }

    /// All threads begin a call before any ends one. Returns how many got through.
    fn at_once(&self) -> usize {
        let (through, barrier) = (AtomicUsize::new(0), Barrier::new(Self::THREADS));
        self.run(|| {
            barrier.wait();
            let mine = self.begin();
            barrier.wait();
            if mine {
                through.fetch_add(1, Ordering::SeqCst);
                self.end();
            }
        });
        through.into_inner()
    }
}

#[test]
fn with_64_threads_there_are_never_more_calls_and_no_room_is_left_unused() {
    // With 1 and two processors each call meets another at the limit.
    for max in [1, 10] {
        let (mut policy, controller) = connected(&at_most(max));
        let picture = policy.picture().unwrap();
        let crowd = Crowd {
            picker: &*picture.picker,
            headers: HeaderMap::new(),
            tracker: &*controller.trackers.values().next().unwrap()[0],
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        for _ in 0..10 {
            assert!(crowd.rush(2_000) > 0);
            assert_eq!(crowd.at_once(), max as usize, "as if nothing had happened before");
        }
        assert_eq!(crowd.most.into_inner(), max as usize);
        assert_eq!(pick(&picture), HERE, "nothing is left counted");
    }
}
