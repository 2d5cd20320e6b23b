//! Workers that call as fast as they can, and count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::caller::Caller;
use crate::lab::protocol::{Measure, Spec, Totals};

/// Answered and lost calls of one worker, each worker's own so that counting is no traffic between cores.
#[derive(Debug, Default)]
struct Count {
    answered: AtomicU64,
    lost: AtomicU64,
}

/// What is read at either end of the window.
struct Reading {
    at: Instant,
    answered: u64,
    lost: u64,
    cpu: Duration,
}

/// Calls for the window and gives what was measured in it.
pub(super) async fn measure(spec: &Spec, caller: &Caller, window: Measure) -> Totals {
    let timeout = Duration::from_millis(spec.timeout_ms);
    let counts: Vec<_> = (0..spec.workers).map(|_| Arc::new(Count::default())).collect();
    // Dropping the set ends the workers.
    let mut workers = JoinSet::new();
    for count in counts.iter().cloned() {
        let mut caller = caller.clone();
        workers.spawn(async move {
            loop {
                let outcome = caller.greet(timeout).await;
                let counted = if outcome.is_ok() { &count.answered } else { &count.lost };
                counted.fetch_add(1, Ordering::Relaxed);
                if outcome.is_err() {
                    // A client that fails at once would leave no time to anybody else.
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    sleep(Duration::from_millis(window.warm_up_ms)).await;
    let before = Reading::take(&counts);
    sleep(Duration::from_millis(window.window_ms)).await;
    let after = Reading::take(&counts);
    Totals {
        calls: after.answered - before.answered,
        lost: after.lost - before.lost,
        seconds: (after.at - before.at).as_secs_f64(),
        cpu_seconds: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
    }
}

impl Reading {
    fn take(counts: &[Arc<Count>]) -> Self {
        let sum = |of: fn(&Count) -> &AtomicU64| {
            counts.iter().map(|count| of(count).load(Ordering::Relaxed)).sum()
        };
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            at: Instant::now(),
            answered: sum(|count| &count.answered),
            lost: sum(|count| &count.lost),
            cpu: cpu.try_into().unwrap_or_default(),
        }
    }
}
