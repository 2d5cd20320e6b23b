//! Workers that call as fast as they can, and count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::caller::{Caller, Template};
use crate::lab::clock::cpu_time;
use crate::lab::protocol::{Amount, Spec, Totals};

/// Answered and lost calls of one worker.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    answered: u64,
    lost: u64,
}

/// Lets the workers call so much, and finish what they have begun.
pub(super) async fn measure(
    spec: &Spec,
    callers: &[Caller],
    template: &Template,
    amount: Amount,
) -> Result<Totals> {
    let (time, calls) = match amount {
        Amount::Millis(millis) => (Some(Duration::from_millis(millis)), u64::MAX),
        Amount::Calls(calls) => (None, calls),
    };
    let over = Arc::new(AtomicBool::new(false));
    let (began, cpu_before) = (Instant::now(), cpu_time());
    // Dropping the set ends the workers.
    let mut workers = JoinSet::new();
    for caller in callers.iter().cycle().take(spec.workers as usize) {
        workers.spawn(work(caller.clone(), template.clone(), calls, over.clone()));
    }
    if let Some(time) = time {
        sleep(time).await;
        over.store(true, Ordering::Relaxed);
    }
    let mut sum = Count::default();
    while let Some(count) = workers.join_next().await {
        let count = count.context("a worker panicked")?;
        sum.answered += count.answered;
        sum.lost += count.lost;
    }
    Ok(Totals {
        calls: sum.answered,
        lost: sum.lost,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: cpu_time().saturating_sub(cpu_before).as_secs_f64(),
    })
}

async fn work(mut caller: Caller, template: Template, calls: u64, over: Arc<AtomicBool>) -> Count {
    let mut count = Count::default();
    while count.answered + count.lost < calls && !over.load(Ordering::Relaxed) {
        if caller.greet(&template).await.is_ok() {
            count.answered += 1;
        } else {
            count.lost += 1;
            // A client that fails at once would leave no time to anybody else.
            tokio::task::yield_now().await;
        }
    }
    count
}
