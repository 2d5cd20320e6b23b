//! How long it takes to count a call: at the server, at the client with one attempt, and at the server with an exemplar; on one thread and on two.
//!
//! `cargo bench --profile quick -p wayside-interceptors --bench metrics`

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::time::Instant;
use tonic::Code;
use wayside_interceptors::client::metrics::ClientCalls;
use wayside_interceptors::client::retry::Attempts;
use wayside_interceptors::metrics::{ServerCalls, Totals};

const PATH: &str = "/greet.v1.GreetService/Greet";

fn counts(criterion: &mut Criterion) {
    let server = ServerCalls::new(
        [PATH, "/greet.v1.GreetService/Other", "/grpc.health.v1.Health/Check"].iter(),
    );
    let client = ClientCalls::new("dns:///greet:50051");
    let plain = totals(None);
    let traced = totals(Some(7));
    let counts: [(&str, &(dyn Fn() + Sync)); 3] = [
        ("server call", &|| server.start(PATH).end(Code::Ok, &plain)),
        ("server call with an exemplar", &|| server.start(PATH).end(Code::Ok, &traced)),
        ("client call with an attempt", &|| {
            let call = client.start(PATH);
            call.attempt().end(Code::Ok, &plain);
            call.end(Code::Ok, &plain, Attempts::default());
        }),
    ];
    for (threads, name) in [(1, "one thread"), (2, "two threads")] {
        let mut group = criterion.benchmark_group(name);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for (name, count) in counts {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|calls| on_threads(threads, count, calls));
            });
        }
        group.finish();
    }
}

fn totals(trace_id: Option<u128>) -> Totals {
    let duration = Duration::from_micros(350);
    Totals { duration, sent_bytes: 30, received_bytes: 12, trace_id }
}

/// How long it takes until each of the threads, which are started together as those of a server are, has counted so many calls.
fn on_threads(threads: usize, count: &(dyn Fn() + Sync), calls: u64) -> Duration {
    let start = Barrier::new(threads);
    let work = || {
        start.wait();
        let began = Instant::now();
        (0..calls).for_each(|_| count());
        began.elapsed()
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}

criterion_group!(benches, counts);
criterion_main!(benches);
