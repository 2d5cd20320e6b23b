use std::convert::Infallible;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::time::{Duration, sleep};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::super::*;
use super::simulation::{Simulation, WORKERS, at_capacity};
use crate::admission::testing::{call, fed};

#[tokio::test(start_paused = true)]
async fn overload_costs_neither_goodput_nor_time() {
    let peak = at_capacity(WORKERS, 5).await;
    for times in [2.0, 5.0, 10.0] {
        let simulation = Simulation::new(WORKERS, Limit::adaptive());
        let outcome = simulation.load(times, 5).await;
        let goodput = outcome.times.len() as f64 / peak.times.len() as f64;
        assert!(goodput >= 0.9, "{goodput} at {times} times the load");
        let (p99, peak_p99) = (outcome.p99(), peak.p99());
        assert!(p99 <= 2 * peak_p99, "{p99:?} after {peak_p99:?} at {times} times the load");
        assert_eq!(outcome.slowest_refusal, Duration::ZERO, "a refusal does not wait");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_the_same_overload_takes_all_time() {
    let simulation = Simulation::new(WORKERS, Limit::Fixed(u32::MAX));
    let outcome = simulation.load(2.0, 3).await;
    assert!(outcome.p99() > Duration::from_secs(1), "{:?}", outcome.p99());
}

#[tokio::test(start_paused = true)]
async fn the_measurement_after_a_minute_of_overload_costs_little() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    let outcome = simulation.load(1.3, 65).await;
    let goodput = outcome.times.len() as f64 / (simulation.capacity() * 65.0);
    assert!(goodput >= 0.97, "{goodput}");
    assert!(outcome.p99() <= Duration::from_millis(60), "{:?}", outcome.p99());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_refused_once_the_overload_is_over() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    assert!(simulation.load(10.0, 2).await.refused > 0);
    for _ in 0..3 {
        let after = simulation.load(0.6, 10).await;
        assert_eq!(
            after.refused,
            0,
            "{} answered, limit {}",
            after.times.len(),
            simulation.limit()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_grows_and_shrinks_with_what_the_server_can_do() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    simulation.load(2.0, 2).await;
    let before = simulation.limit();

    simulation.server.workers.add_permits(3 * WORKERS);
    simulation.load(2.0, 2).await;
    let more = simulation.load(1.5, 3).await;
    let goodput = more.times.len() as f64 / (simulation.capacity() * 3.0);
    assert!(goodput >= 0.9, "{goodput}");
    assert!(simulation.limit() >= 64, "{before}, then {}", simulation.limit());

    simulation.server.workers.forget_permits(3 * WORKERS);
    simulation.load(2.0, 2).await;
    let fewer = simulation.load(2.0, 3).await;
    assert!(fewer.p99() <= Duration::from_millis(60), "{:?}", fewer.p99());
    assert!(simulation.limit() <= 40, "{}", simulation.limit());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_becomes_slow_is_measured_anew_and_again_when_it_is_fast() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    simulation.load(2.0, 5).await;
    for service_ms in [100, 20] {
        simulation.server.service_ms.store(service_ms, Ordering::Relaxed);
        simulation.load(2.0, 10).await;
        let settled = simulation.load(2.0, 10).await;
        let goodput = settled.times.len() as f64 / (simulation.capacity() * 10.0);
        assert!(goodput >= 0.9, "{goodput} of a service time of {service_ms} ms");
        assert!(settled.p99() <= Duration::from_millis(3 * service_ms), "{:?}", settled.p99());
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_far_too_high_at_first_is_found_out() {
    let limit = Limit::Adaptive { min: 3, max: 1000, initial: 1000 };
    let simulation = Simulation::new(WORKERS, limit);
    // It takes seconds until the calls that were taken in are done.
    simulation.load(2.0, 10).await;
    let outcome = simulation.load(2.0, 3).await;
    assert!(outcome.p99() <= Duration::from_millis(60), "{:?}", outcome.p99());
    assert!(simulation.limit() <= 40, "{}", simulation.limit());
}

#[tokio::test(start_paused = true)]
async fn a_server_without_much_to_do_refuses_nothing_and_keeps_its_limit() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    let outcome = simulation.load(0.2, 30).await;
    assert_eq!((outcome.refused, simulation.limit()), (0, 20));
}

#[tokio::test(start_paused = true)]
async fn an_overload_long_ago_is_no_reason_to_change_the_limit() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    simulation.load(2.0, 2).await;
    let before = simulation.limit();
    simulation.load(0.2, 5).await;
    // The window in which the overload ended may be the reason for one more step.
    assert!(simulation.limit() < 2 * before - 5, "{before}, then {}", simulation.limit());
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_given_up_lower_the_limit_of_a_server_that_hangs() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    simulation.load(1.0, 5).await;
    let rate = simulation.capacity() * 2.0;
    simulation.server.service_ms.store(10_000, Ordering::Relaxed);
    let hung = simulation.run(rate, Duration::from_secs(3), Duration::from_millis(200)).await;
    assert_eq!(hung.times.len(), 0);
    assert!(hung.given_up > 0 && simulation.limit() < 10, "{}", simulation.limit());
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_at_once_say_nothing_about_the_load() {
    let simulation = Simulation::new(WORKERS, Limit::adaptive());
    simulation.server.failing.store(80, Ordering::Relaxed);
    // A fifth of ten times the load is twice the load.
    let outcome = simulation.load(10.0, 4).await;
    assert!(outcome.failed > 10_000);
    let goodput = outcome.times.len() as f64 / (simulation.capacity() * 4.0);
    assert!(goodput >= 0.9, "{goodput}, limit {}", simulation.limit());
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_by_the_time_to_its_beginning() {
    let layer = LoadShedLayer::new(Limit::adaptive());
    for seconds in [0, 0, 0, 0, 0, 0, 10, 10, 10, 10] {
        let streams = (0..15).map(|_| {
            let inner = service_fn(|_: Request<()>| async {
                sleep(Duration::from_millis(20)).await;
                let (feed, body) = fed();
                tokio::spawn(async move {
                    sleep(Duration::from_secs(seconds)).await;
                    drop(feed);
                });
                Ok::<_, Infallible>(Response::new(body))
            });
            let stream = layer.layer(inner).oneshot(call("/a.B/C"));
            async { stream.await.unwrap().into_body().collect().await.unwrap() }
        });
        join_all(streams).await;
        let load = layer.load("/a.B/C").unwrap();
        assert!(load.limit >= 20 && load.in_flight == 0 && load.shed == 0, "{load:?}");
    }
}
