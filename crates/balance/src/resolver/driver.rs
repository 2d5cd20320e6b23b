//! Runs a resolver for a channel.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep_until};
use tonic::Status;

use super::{Resolution, ResolveNow, Resolver};
use crate::backoff::Backoff;
use crate::status;

/// The shortest time from a failure to the next attempt, however much the channel wants an answer.
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);

/// Asks a resolver again and again, and passes on what it says, until nobody takes it any more.
///
/// A failure is passed on as well, with a code that a call may end with (gRFC A54). After it the resolver is left alone for the time of the backoff,
/// which begins anew with every success; a wish of the channel for a new list ends it early, but not before a second has passed.
pub(crate) async fn drive(
    mut resolver: Box<dyn Resolver>,
    resolve_now: Arc<ResolveNow>,
    answers: mpsc::Sender<Result<Resolution, Status>>,
) {
    let mut backoff = Backoff::new();
    loop {
        let answer = tokio::select! {
            biased;
            () = answers.closed() => return,
            answer = resolver.next(&resolve_now) => answer.map_err(status::control_plane),
        };
        let failed = answer.is_err();
        if answers.send(answer).await.is_err() {
            return;
        }
        if !failed {
            backoff = Backoff::new();
            continue;
        }
        tokio::select! {
            biased;
            () = answers.closed() => return,
            () = pause(backoff.delay(), &resolve_now) => {}
        }
    }
}

async fn pause(delay: Duration, resolve_now: &ResolveNow) {
    let start = Instant::now();
    tokio::select! {
        () = sleep_until(start + delay) => {}
        () = resolve_now.wanted() => sleep_until(start + delay.min(SHORTEST_BACKOFF)).await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;
    use tonic::Code;

    use super::*;
    use crate::Endpoint;
    use crate::resolver::testing::{Scripted, endpoints};

    type Answer = Result<Vec<Endpoint>, Status>;

    struct Driven {
        answers: mpsc::Receiver<Result<Resolution, Status>>,
        resolve_now: Arc<ResolveNow>,
        task: JoinHandle<()>,
    }

    fn driven(script: impl IntoIterator<Item = Answer>) -> Driven {
        let (sender, answers) = mpsc::channel(1);
        let resolve_now = Arc::new(ResolveNow::default());
        let resolver = Box::new(Scripted(script.into_iter().collect()));
        let task = tokio::spawn(drive(resolver, resolve_now.clone(), sender));
        Driven { answers, resolve_now, task }
    }

    impl Driven {
        /// How long the next answer takes, and whether it is a failure.
        async fn next(&mut self) -> (Duration, bool) {
            let start = Instant::now();
            let failed = self.answers.recv().await.unwrap().is_err();
            (start.elapsed(), failed)
        }
    }

    fn failure() -> Answer {
        Err(Status::unavailable("no name server"))
    }

    fn is_about(delay: Duration, nominal: f64) -> bool {
        // A millisecond is as exact as tokio's clock is.
        (nominal * 0.8..nominal * 1.2 + 0.001).contains(&delay.as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_told_and_followed_by_the_backoff_which_success_resets() {
        let script = [failure(), failure(), failure(), Ok(endpoints([1])), failure(), failure()];
        let mut driven = driven(script);
        for (nominal, fails) in
            [(0.0, true), (1.0, true), (1.6, true), (2.56, false), (0.0, true), (1.0, true)]
        {
            let (delay, failed) = driven.next().await;
            assert_eq!(failed, fails);
            assert!(is_about(delay, nominal), "{delay:?} instead of {nominal} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_during_the_backoff_shortens_it_to_a_second_but_not_more() {
        let mut driven = driven((0..12).map(|_| failure()));
        for _ in 0..10 {
            driven.next().await;
        }
        // By now the backoff is at least 0.8 * 68 s.
        for wish_after in [Duration::ZERO, Duration::from_millis(1700)] {
            let start = Instant::now();
            tokio::time::sleep(wish_after).await;
            driven.resolve_now.want();
            driven.next().await;
            let (waited, expected) = (start.elapsed(), wish_after.max(SHORTEST_BACKOFF));
            let exact = expected..expected + Duration::from_millis(2);
            assert!(exact.contains(&waited), "{waited:?} with a wish after {wish_after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_that_is_not_a_resolvers_to_give_becomes_internal() {
        let mut driven = driven([Err(Status::not_found("no such service"))]);
        let status = driven.answers.recv().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("no such service"), "{status:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_its_receiver_whatever_it_waits_for() {
        let full = || [Ok(endpoints([1])), Ok(endpoints([1])), Ok(endpoints([1]))];
        for (script, what) in [
            (Vec::new(), "the resolver"),
            (vec![failure()], "the backoff"),
            (full().into(), "room for an answer"),
        ] {
            let Driven { mut answers, task, .. } = driven(script);
            if what == "the backoff" {
                answers.recv().await.unwrap().unwrap_err();
            }
            tokio::task::yield_now().await;
            drop(answers);
            let ended = tokio::time::timeout(Duration::from_millis(100), task).await;
            ended.unwrap_or_else(|_| panic!("it still waits for {what}")).unwrap();
        }
    }
}
