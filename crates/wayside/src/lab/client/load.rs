//! Workers that call, and write down what came of it.

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use wayside_proto::greet::v1::GreetResponse;

use super::caller::{Caller, Template};
use crate::lab::clock::Clock;
use crate::lab::protocol::{Call, NO_STATUS, NO_STATUS_AFTER_MS, Spec};
use crate::lab::server::number_of_pod;

/// How many calls are written down, by all workers together: about a hundred megabytes. The workers then stop early.
const MAX_CALLS: usize = 4_000_000;

/// The workers of one client.
#[derive(Debug)]
pub(super) struct Load {
    stop: CancellationToken,
    workers: JoinSet<Vec<Call>>,
}

impl Load {
    /// Lets the workers begin.
    pub(super) fn start(spec: &Spec, caller: &Caller, template: &Template) -> Self {
        let (stop, mut workers) = (CancellationToken::new(), JoinSet::new());
        let clock = Clock::start();
        let pace = Duration::from_millis(spec.pace_ms);
        for index in 0..spec.workers {
            // Workers that all begin at once would go on in step.
            let first = clock.began + pace * index / spec.workers;
            let worker = Worker {
                caller: caller.clone(),
                clock,
                pace: Pace { next: first, every: pace, catches_up: spec.catches_up },
                template: template.clone(),
                max_calls: MAX_CALLS / spec.workers.max(1) as usize,
            };
            workers.spawn(worker.work(stop.clone()));
        }
        Self { stop, workers }
    }

    /// Lets the workers finish their calls, and gives all that were made.
    pub(super) async fn finish(mut self) -> Result<Vec<Call>> {
        self.stop.cancel();
        let mut calls = Vec::new();
        while let Some(worker) = self.workers.join_next().await {
            calls.extend(worker.context("a worker panicked")?);
        }
        Ok(calls)
    }
}

/// When a worker makes its next call.
struct Pace {
    next: Instant,
    every: Duration,
    catches_up: bool,
}

impl Pace {
    /// A call was begun, at the time that was said or later.
    fn called(&mut self, at: Instant) {
        self.next = if self.catches_up { self.next } else { at } + self.every;
    }
}

struct Worker {
    caller: Caller,
    clock: Clock,
    pace: Pace,
    template: Template,
    max_calls: usize,
}

impl Worker {
    async fn work(mut self, stop: CancellationToken) -> Vec<Call> {
        let mut calls = Vec::new();
        let give_up = self.template.timeout * self.caller.attempts()
            + Duration::from_millis(NO_STATUS_AFTER_MS);
        while calls.len() < self.max_calls {
            tokio::select! {
                () = tokio::time::sleep_until(self.pace.next) => {}
                () = stop.cancelled() => break,
            }
            let began = Instant::now();
            let outcome = timeout(give_up, self.caller.greet(&self.template)).await;
            let (server, code) = outcome.map_or((None, NO_STATUS), read);
            calls.push(Call {
                start_us: self.clock.at(began),
                latency_us: began.elapsed().as_micros() as u64,
                server,
                code,
            });
            self.pace.called(began);
        }
        calls
    }
}

#[expect(deprecated, reason = "`result` is the field that every release of greet answers in")]
fn read(outcome: Result<GreetResponse, Status>) -> (Option<usize>, u8) {
    match outcome {
        Ok(response) => (number_of_pod(&response.result), 0),
        Err(status) => (None, status.code() as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_call_is_made_up_for_only_where_that_is_asked_for() {
        let began = Instant::now();
        let millis = Duration::from_millis;
        // The second call is late, as the first took so long; the others take no time.
        let starts = |catches_up| {
            let mut pace = Pace { next: began, every: millis(50), catches_up };
            let mut now = began;
            let mut start = |takes| {
                now = now.max(pace.next);
                pace.called(now);
                let at = now - began;
                now += millis(takes);
                at
            };
            [start(130), start(0), start(0), start(0), start(0)]
        };
        assert_eq!(starts(false), [0, 130, 180, 230, 280].map(millis));
        assert_eq!(starts(true), [0, 130, 130, 150, 200].map(millis));
    }
}
