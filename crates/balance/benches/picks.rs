//! How long a pick takes, with the load of the current picker: each policy, over few and many endpoints, on one thread and on two.
//!
//! `cargo bench --profile quick -p wayside-balance --bench picks`

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tokio::time::Instant;

mod support;

use support::{Current, POLICIES};

fn picks(criterion: &mut Criterion) {
    for (threads, name) in [(1, "one thread"), (2, "two threads")] {
        let mut group = criterion.benchmark_group(name);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for (name, policy) in POLICIES {
            for endpoints in [3, 100, 1_000, 10_000] {
                let current = Current::new(policy, endpoints);
                group.bench_function(BenchmarkId::new(name, endpoints), |bencher| {
                    bencher.iter_custom(|picks| on_threads(threads, &current, picks));
                });
            }
        }
        group.finish();
    }
}

/// How long it takes until each of the threads has made so many picks.
fn on_threads(threads: usize, current: &Current, picks: u64) -> Duration {
    let start = Barrier::new(threads);
    let work = || {
        start.wait();
        let began = Instant::now();
        current.pick(picks);
        began.elapsed()
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        others.into_iter().filter_map(|other| other.join().ok()).fold(own, Duration::max)
    })
}

criterion_group!(benches, picks);
criterion_main!(benches);
