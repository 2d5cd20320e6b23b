//! One call and its attempts.

mod answer;

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tower::util::Oneshot;
use tower_service::Service;

use super::MethodPolicy;
use super::accounting::Accounting;
use super::layer::Config;
use super::plan::Plan;
use super::stats::{Attempts, Refusal};
use crate::client::head::{Head, PREVIOUS_ATTEMPTS};
use crate::client::observe::{BoxError, ObservedBody};
use crate::client::replay::Replay;
use crate::deadline::EXCEEDED;

/// A call that may be sent more than once.
///
/// ```text
/// send => committed: there is a head, and the body is passed on
///      => failed => over
///                => wait until the next attempt is due => send
///      => the next hedge is due => send, beside those under way
/// ```
pub(super) struct Call<S: Service<Request<Body>>, R> {
    service: S,
    head: Head,
    replay: Replay,
    plan: Plan,
    config: Arc<Config>,
    /// None: it has gone on into the body.
    accounting: Option<Accounting>,
    /// By number. Each is boxed, because only calls that are hedged have several.
    running: Vec<(usize, Attempt<S>)>,
    attempts: Attempts,
    max_attempts: u32,
    /// When the next attempt is to be sent.
    next: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    last: Option<Failed<R>>,
}

type Attempt<S> = Pin<Box<Oneshot<S, Request<Body>>>>;

/// The answer of an attempt, by its number.
type Answer<R, E> = (usize, Result<Response<R>, E>);

type Output<R> = Result<Response<ObservedBody<R, Accounting>>, Status>;

/// How an attempt failed after which there may be another.
struct Failed<R> {
    at: Instant,
    result: Result<Response<R>, Status>,
    /// What spoke against another attempt.
    refusal: Option<Refusal>,
}

/// What the clock says.
enum Due {
    Attempt,
    Deadline,
}

impl<S: Service<Request<Body>>, R> Call<S, R> {
    pub(super) fn new(
        service: S,
        request: Request<Body>,
        policy: MethodPolicy,
        config: Arc<Config>,
        accounting: Accounting,
    ) -> Self {
        let (mut parts, body) = request.into_parts();
        // It may have come with metadata that is passed on from the call of which this one is a part.
        parts.headers.remove(PREVIOUS_ATTEMPTS);
        Self {
            service,
            head: Head::new(parts),
            replay: Replay::new(body, &config.limits),
            plan: Plan::new(policy),
            max_attempts: policy.max_attempts().min(config.attempt_limit),
            config,
            accounting: Some(accounting),
            running: Vec::with_capacity(1),
            attempts: Attempts::default(),
            next: Some(Instant::now()),
            timer: None,
            last: None,
        }
    }

    /// Attempts that the policy has left.
    fn left(&self) -> u32 {
        self.max_attempts.saturating_sub(self.attempts.total)
    }

    fn is_in_time(&self, due: &Instant) -> bool {
        self.head.deadline().is_none_or(|deadline| *due < deadline)
    }

    /// Takes the price of an attempt from the budget, if there is one. False: it has too little.
    fn pay(&self) -> bool {
        self.config.budget.as_ref().is_none_or(|budget| budget.withdraw())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let deadline = self.head.deadline();
        let until = [self.next, deadline].into_iter().flatten().min();
        let Some(until) = until else { return Poll::Pending };
        // An attempt that is due at once, as the first one is, needs no timer.
        if until > Instant::now() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(if deadline == Some(until) { Due::Deadline } else { Due::Attempt })
    }
}

impl<S, R> Call<S, R>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Output<R>> {
        loop {
            if let Poll::Ready(chosen) = self.replay.poll_winner(cx) {
                // The request has become too large to be sent again: the attempt that is furthest goes on, alone.
                self.running.retain(|(number, _)| *number == chosen);
                self.next = None;
            }
            if let Poll::Ready((number, result)) = self.poll_running(cx) {
                if let Some(output) = self.answered(number, result) {
                    return Poll::Ready(output);
                }
                continue;
            }
            if self.running.is_empty() && self.next.is_none() {
                return Poll::Ready(self.give_up());
            }
            let sent = match ready!(self.poll_timer(cx)) {
                Due::Attempt => self.send(),
                Due::Deadline => Err(Status::deadline_exceeded(EXCEEDED)),
            };
            if let Err(status) = sent {
                return Poll::Ready(self.finish(Err(status), None));
            }
        }
    }

    /// An attempt that has an answer.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Answer<R, S::Error>> {
        for (place, (number, attempt)) in self.running.iter_mut().enumerate() {
            if let Poll::Ready(result) = attempt.as_mut().poll(cx) {
                let number = *number;
                drop(self.running.remove(place));
                return Poll::Ready((number, result));
            }
        }
        Poll::Pending
    }

    /// Sends the attempt that is due.
    fn send(&mut self) -> Result<(), Status> {
        self.next = None;
        let hedge = self.attempts.total > 0 && matches!(self.plan, Plan::Hedging(_));
        if hedge && let Err(refusal) = self.admit_hedge() {
            if let Some(last) = &mut self.last {
                last.refusal = Some(refusal);
            }
            return Ok(());
        }
        let request = self.head.attempt(self.attempts.total, self.replay.attempt())?;
        // The service that was polled ready makes the first attempt, and clones of it the others, which wait until they are.
        let clone = self.service.clone();
        let service = mem::replace(&mut self.service, clone);
        let number = self.attempts.total as usize;
        self.running.push((number, Box::pin(Oneshot::new(service, request))));
        self.count(hedge);
        self.next = self.plan.started(self.left(), Instant::now());
        self.next = self.next.filter(|due| self.is_in_time(due));
        Ok(())
    }

    fn admit_hedge(&self) -> Result<(), Refusal> {
        if self.accounting.as_ref().is_some_and(|accounting| !accounting.allows_hedge()) {
            return Err(Refusal::Throttled);
        }
        if self.pay() { Ok(()) } else { Err(Refusal::OverBudget) }
    }

    fn count(&mut self, hedge: bool) {
        self.attempts.total += 1;
        if hedge {
            self.attempts.hedges += 1;
            self.config.stats.hedged();
        } else if let Some(last) = &self.last {
            let delay = last.at.elapsed();
            self.attempts.retries += 1;
            self.attempts.retry_delay += delay;
            self.config.stats.retried(delay);
        }
    }
}
