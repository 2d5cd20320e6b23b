//! The task of one service: it listens to every source and keeps the view.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tonic::Status;
use wayside_balance::{Endpoint, ResolveNow, Resolver};

use super::health::Checks;
use super::view::{Nothing, Said, View, decide};
use super::{Entry, List};
use crate::Key;

/// After how long a source that has said nothing is passed over.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time from a failure of a source to the next attempt, at first and at most: who comes back is heard within a second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

type Answer = (usize, Result<Vec<Endpoint>, Status>);

/// Keeps the view of a service until it is dropped.
pub(super) async fn follow(
    key: Key,
    resolvers: Vec<(Box<dyn Resolver>, bool)>,
    refresh: Duration,
    entry: std::sync::Weak<Entry>,
    views: watch::Sender<View>,
    mut checks: Option<Checks>,
) {
    let mut said: Vec<Said> = resolvers.iter().map(|_| Said::default()).collect();
    let mut failing = vec![false; said.len()];
    let (sender, mut answers) = mpsc::channel(said.len().max(1));
    // Dropped with this future, and the tasks with it.
    let (mut tasks, mut polled) = (JoinSet::new(), Vec::new());
    for (index, (resolver, is_polled)) in resolvers.into_iter().enumerate() {
        let now = Arc::new(ResolveNow::default());
        if is_polled {
            polled.push(now.clone());
        }
        tasks.spawn(ask(index, resolver, now, sender.clone()));
    }
    let overdue_at = Instant::now() + PATIENCE;
    let mut polls = interval(refresh);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some((index, answer)) = answers.recv() => {
                let why = answer.as_ref().err().map(|status| status.message().to_owned());
                let fails = said[index].take(answer);
                if fails && !failing[index] {
                    tracing::warn!(service = %key, reason = why, "a source fails; its last list stays in use");
                }
                failing[index] = fails;
            }
            () = sleep_until(overdue_at), if Instant::now() < overdue_at => {}
            () = reported(&mut checks) => {}
            _ = polls.tick(), if !polled.is_empty() => {
                if entry.upgrade().is_some_and(|entry| entry.is_in_use()) {
                    polled.iter().for_each(|now| now.want());
                }
            }
        }
        let decided = decide(&said, Instant::now() >= overdue_at);
        match (&mut checks, decided) {
            (Some(checks), Ok(list)) => show(&views, &key, Ok(&checks.healthy(list))),
            (_, decided) => show(&views, &key, decided),
        }
    }
}

/// Waits until the health of an endpoint is another.
async fn reported(checks: &mut Option<Checks>) {
    match checks {
        Some(checks) => checks.reported().await,
        None => std::future::pending().await,
    }
}

/// Asks a resolver again and again.
async fn ask(
    index: usize,
    mut resolver: Box<dyn Resolver>,
    now: Arc<ResolveNow>,
    answers: mpsc::Sender<Answer>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let answer = resolver.next(&now).await.map(|resolution| resolution.endpoints);
        let failed = answer.is_err();
        if answers.send((index, answer)).await.is_err() {
            return;
        }
        if failed {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = FIRST_PAUSE;
        }
    }
}

/// Tells whoever watches, if it is news.
fn show(views: &watch::Sender<View>, key: &Key, decided: Result<&[Endpoint], Option<Nothing>>) {
    let unreachable = || Nothing {
        unknown: false,
        reason: "none of its endpoints can be reached from other machines".into(),
    };
    views.send_if_modified(|view| {
        let next = match (decided, &*view) {
            (Err(None), _) => return false,
            (Ok(endpoints), View::List(list)) if list.is_of(endpoints) => return false,
            (Err(Some(nothing)), View::Nothing(known)) if **known == nothing => return false,
            (Ok(endpoints), _) => match List::new(endpoints) {
                Some(list) => View::List(Arc::new(list)),
                None => View::Nothing(Arc::new(unreachable())),
            },
            (Err(Some(nothing)), _) => View::Nothing(Arc::new(nothing)),
        };
        match &next {
            View::List(list) => {
                tracing::info!(service = %key, endpoints = list.len(), "new list");
            }
            View::Nothing(nothing) => {
                tracing::info!(service = %key, reason = nothing.reason, "no endpoint");
            }
            View::Pending => {}
        }
        *view = next;
        true
    });
}
