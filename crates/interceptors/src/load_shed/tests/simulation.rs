//! A server with so many workers and a queue, on a clock that only runs when everything waits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Request, Response};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Duration, Instant, sleep, timeout};
use tonic::Status;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::super::*;
use crate::admission::testing::{Fed, call, fed, told};

pub(super) const WORKERS: usize = 16;
/// What a call takes on average, in milliseconds.
const SERVICE_MS: u64 = 20;

/// Answers calls with its workers; those that find none wait.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) workers: Arc<Semaphore>,
    pub(super) service_ms: Arc<AtomicU64>,
    /// How many of a hundred calls fail at once.
    pub(super) failing: Arc<AtomicU64>,
}

impl Server {
    pub(super) fn new(workers: usize) -> Self {
        fastrand::seed(7);
        let service_ms = Arc::new(AtomicU64::new(SERVICE_MS));
        let failing = Arc::default();
        Self { workers: Arc::new(Semaphore::new(workers)), service_ms, failing }
    }

    pub(super) async fn answer(self) -> Result<Response<Fed>, Infallible> {
        if fastrand::u64(0..100) < self.failing.load(Ordering::Relaxed) {
            return Ok(Status::unauthenticated("no").into_http().map(|()| fed().1));
        }
        let _worker = self.workers.acquire().await.unwrap();
        let mean = self.service_ms.load(Ordering::Relaxed);
        sleep(Duration::from_millis(fastrand::u64(mean / 2..=mean * 3 / 2))).await;
        Ok(Response::new(fed().1))
    }
}

/// What came of the calls of a while.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) times: Vec<Duration>,
    pub(super) refused: usize,
    pub(super) slowest_refusal: Duration,
    pub(super) failed: usize,
    pub(super) given_up: usize,
}

impl Outcome {
    pub(super) fn p99(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times[times.len() * 99 / 100]
    }
}

pub(super) struct Simulation {
    pub(super) server: Server,
    pub(super) layer: LoadShedLayer,
}

impl Simulation {
    pub(super) fn new(workers: usize, limit: Limit) -> Self {
        Self { server: Server::new(workers), layer: LoadShedLayer::new(limit) }
    }

    pub(super) fn limit(&self) -> u32 {
        self.layer.load("/a.B/C").unwrap().limit
    }

    /// Makes calls at a rate, whatever becomes of them, each with a deadline, and waits for all of them.
    pub(super) async fn run(
        &self,
        per_second: f64,
        length: Duration,
        deadline: Duration,
    ) -> Outcome {
        let (done, mut outcomes) = mpsc::channel(100_000);
        let end = Instant::now() + length;
        let mut owed = 0.0;
        while Instant::now() < end {
            // Calls come by chance, half of the rate to one and a half in each millisecond.
            owed += per_second / 1000.0 * (0.5 + fastrand::f64());
            while owed >= 1.0 {
                owed -= 1.0;
                let server = self.server.clone();
                let inner = service_fn(move |_: Request<()>| server.clone().answer());
                let call = self.layer.layer(inner).oneshot(call("/a.B/C"));
                let done = done.clone();
                tokio::spawn(async move {
                    let start = Instant::now();
                    let answered = timeout(deadline, call).await;
                    // Read to its end, as the call lasts until then.
                    let code = answered
                        .ok()
                        .map(|response| told(&response.unwrap()).map(|told| told.code));
                    done.send((code, start.elapsed())).await.unwrap();
                });
            }
            sleep(Duration::from_millis(1)).await;
        }
        drop(done);
        let mut outcome = Outcome::default();
        while let Some((code, time)) = outcomes.recv().await {
            match code.as_ref().map(Option::as_deref) {
                Some(Some("14")) => {
                    outcome.refused += 1;
                    outcome.slowest_refusal = outcome.slowest_refusal.max(time);
                }
                Some(None) => outcome.times.push(time),
                Some(Some(_)) => outcome.failed += 1,
                None => outcome.given_up += 1,
            }
        }
        outcome
    }

    /// Makes so many times the calls that the server can answer.
    pub(super) async fn load(&self, times: f64, seconds: u64) -> Outcome {
        let length = Duration::from_secs(seconds);
        self.run(self.capacity() * times, length, Duration::from_secs(3600)).await
    }

    /// How many calls a second the server can answer.
    pub(super) fn capacity(&self) -> f64 {
        let service_ms = self.server.service_ms.load(Ordering::Relaxed);
        self.server.workers.available_permits() as f64 * 1000.0 / service_ms as f64
    }
}

/// As many calls at a time as there are workers: all that the server can do, and nobody waits.
pub(super) async fn at_capacity(workers: usize, seconds: u64) -> Outcome {
    let server = Server::new(workers);
    let end = Instant::now() + Duration::from_secs(seconds);
    let client = || async {
        let mut times = Vec::new();
        while Instant::now() < end {
            let start = Instant::now();
            server.clone().answer().await.unwrap();
            times.push(start.elapsed());
        }
        times
    };
    let times = futures_util::future::join_all((0..workers).map(|_| client())).await.concat();
    Outcome { times, ..Outcome::default() }
}
