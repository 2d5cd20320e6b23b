//! Every interleaving of two or three threads through what calls share without a lock: the files of `src/lock_free`, compiled against loom's atomics.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use loom::model;
use loom::sync::Arc;
use loom::thread;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
}

#[path = "../src/lock_free/in_flight.rs"]
mod in_flight;
#[path = "../src/lock_free/reported_weight.rs"]
mod reported_weight;
#[path = "../src/lock_free/stride.rs"]
mod stride;
#[path = "../src/lock_free/turns.rs"]
mod turns;

use in_flight::InFlight;
use reported_weight::{ReportedWeight, Unusable};
use stride::Stride;
use turns::Turns;

/// How many threads, and how often each does its work: three that do it twice would take minutes.
const ROUNDS: [(usize, usize); 2] = [(2, 2), (3, 1)];

/// What the threads get, each of them so often, of something that they share.
fn on_threads<S: Send + Sync + 'static, T: Send + 'static>(
    (threads, times): (usize, usize),
    shared: &Arc<S>,
    work: fn(&S) -> T,
) -> Vec<T> {
    let all = move |shared: &S| (0..times).map(|_| work(shared)).collect::<Vec<_>>();
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || all(&shared))
        })
        .collect();
    let mut got = all(shared);
    got.extend(others.into_iter().flat_map(|other| other.join().unwrap()));
    got
}

#[test]
fn round_robin_gives_each_endpoint_its_turn() {
    for rounds in ROUNDS {
        model(move || {
            const ENDPOINTS: usize = 3;
            // The counter starts again in the middle.
            const LAP: usize = usize::MAX / 2 / ENDPOINTS * ENDPOINTS;
            let turns = Arc::new(Turns::starting_at(LAP - 2));
            let picks = on_threads(rounds, &turns, |turns| turns.take_of_lap(LAP) % ENDPOINTS);
            let (least, rest) = (picks.len() / ENDPOINTS, picks.len() % ENDPOINTS);
            for endpoint in 0..ENDPOINTS {
                let count = picks.iter().filter(|pick| **pick == endpoint).count();
                let most = least + usize::from(rest > 0);
                assert!((least..=most).contains(&count), "{endpoint} of {picks:?}");
            }
        });
    }
}

#[test]
fn stride_scheduler_skips_no_turn_and_repeats_none() {
    // The first lets two of three turns pass, so that threads meet in the middle of a pick.
    let stride = || Stride::new(&[Some(1.0), Some(3.0)]).unwrap();
    for rounds in ROUNDS {
        model(move || {
            let shared = Arc::new((stride(), Turns::starting_at(0)));
            let mut together = on_threads(rounds, &shared, |(stride, turns)| stride.pick(turns));
            // Together they pick what one thread would have.
            let (stride, turns) = (stride(), Turns::starting_at(0));
            let mut alone: Vec<_> = together.iter().map(|_| stride.pick(&turns)).collect();
            together.sort_unstable();
            alone.sort_unstable();
            assert_eq!(together, alone);
            assert_eq!(shared.1.take(), turns.take(), "as many turns were taken");
        });
    }
}

#[test]
fn weight_is_never_seen_with_the_time_of_another_report() {
    const REPORTS: [(f32, u64); 2] = [(1.0, 1000), (2.0, 2000)];
    model(|| {
        let reported = Arc::new(ReportedWeight::new());
        let calls = REPORTS.map(|(weight, time)| {
            let reported = reported.clone();
            thread::spawn(move || reported.report(weight, time))
        });
        // At 2005, the first has expired and the second has not, if a report lives for 10.
        if let Ok(weight) = reported.get(2005, 10, 0) {
            assert_eq!(weight, 2.0, "the first has expired");
        }
        for call in calls {
            call.join().unwrap();
        }
        // Whichever was the last expires when it has to, and no sooner.
        let last = reported.get(0, 10, 0).unwrap();
        let (_, time) = REPORTS.into_iter().find(|(weight, _)| *weight == last).unwrap();
        assert_eq!(reported.get(time + 9, 10, 0), Ok(last));
        assert_eq!(reported.get(time + 10, 10, 0), Err(Unusable::Stale));
    });
}

#[test]
fn weight_is_not_used_within_its_blackout_whatever_meets() {
    const BLACKOUT: u64 = 500;
    model(|| {
        let reported = Arc::new(ReportedWeight::new());
        reported.report(1.0, 1000);
        let calls = {
            let reported = reported.clone();
            thread::spawn(move || {
                reported.report(2.0, 2000);
                reported.report(3.0, 3000);
            })
        };
        // The policy: the endpoint has become READY at 1900, and every look until 2499 is within the blackout of its reports, whichever came first.
        reported.restart();
        for now in [2000, 2499] {
            assert_eq!(reported.get(now, 10_000, BLACKOUT), Err(Unusable::NotYet), "at {now}");
        }
        calls.join().unwrap();
        // Reports have come since 2000 or 3000 by what the policy could see; the latest counts.
        let weight = reported.get(3000 + BLACKOUT, 10_000, BLACKOUT);
        assert!([Err(Unusable::NotYet), Ok(3.0)].contains(&weight), "{weight:?}");
        reported.report(3.0, 3500);
        assert_eq!(reported.get(3500 + BLACKOUT, 10_000, BLACKOUT), Ok(3.0), "one more is enough");
    });
}

#[test]
fn report_that_comes_while_an_older_expires_is_used_at_the_latest_after_the_next() {
    model(|| {
        let reported = Arc::new(ReportedWeight::new());
        reported.report(1.0, 0);
        let call = {
            let reported = reported.clone();
            thread::spawn(move || reported.report(2.0, 1000))
        };
        // The first has expired; the second, if it is seen, came after a gap that nobody has looked into.
        let weight = reported.get(1000, 500, 100);
        assert!(
            [Err(Unusable::NotYet), Err(Unusable::Stale), Ok(2.0)].contains(&weight),
            "{weight:?}"
        );
        call.join().unwrap();
        reported.report(3.0, 1001);
        assert_eq!(reported.get(1101, 500, 100), Ok(3.0));
    });
}

#[test]
fn calls_in_flight_never_go_below_zero_and_end_at_none() {
    for rounds in ROUNDS {
        model(move || {
            let calls = Arc::new(InFlight::new());
            // Ending one that has not begun, or losing a beginning, fails within `remove`.
            on_threads(rounds, &calls, |calls| {
                calls.add();
                calls.remove();
            });
            assert_eq!(calls.get(), 0);
        });
    }
}

#[test]
fn calls_in_flight_that_are_seen_are_those_that_have_begun_and_not_ended() {
    model(|| {
        let calls = Arc::new(InFlight::new());
        let seen = on_threads((2, 1), &calls, |calls| {
            calls.add();
            let seen = calls.get();
            calls.remove();
            seen
        });
        assert!(seen.iter().all(|seen| [1, 2].contains(seen)), "{seen:?}");
    });
}

#[test]
fn calls_that_are_picked_at_once_are_all_counted() {
    // A48 accepts that both threads choose the same endpoint; what may not be lost is the count.
    model(|| {
        let endpoints = Arc::new([InFlight::new(), InFlight::new()]);
        let picks = on_threads((2, 1), &endpoints, |endpoints| {
            let least = usize::from(endpoints[1].get() < endpoints[0].get());
            endpoints[least].add();
            least
        });
        for (index, endpoint) in endpoints.iter().enumerate() {
            assert_eq!(endpoint.get(), picks.iter().filter(|pick| **pick == index).count());
        }
    });
}
