//! What a policy says after each event of a call. Nothing here waits or sends, so that the rules can be read in one place.

use tokio::time::Instant;
use tonic::Code;

use super::backoff::Backoff;
use super::pushback::Pushback;
use super::stats::Refusal;
use super::{HedgingPolicy, MethodPolicy};
use crate::client::Codes;
use crate::client::clock::after;

/// An attempt that failed, and where its call stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) code: Code,
    pub(super) pushback: Pushback,
    /// The throttle allows no further attempt.
    pub(super) throttled: bool,
    /// The request can still be sent from its beginning.
    pub(super) repeatable: bool,
    /// Attempts that the policy has left.
    pub(super) left: u32,
    pub(super) now: Instant,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The call ends with this failure, whatever else is under way.
    End(Option<Refusal>),
    /// No further attempt: the call ends with the last one that is under way.
    Wait(Refusal),
    /// Another attempt at this time.
    At(Instant),
}

/// The policy of one call, and what it has to remember.
#[derive(Debug)]
pub(super) enum Plan {
    Retry { codes: Codes, backoff: Backoff },
    Hedging(Hedging),
}

impl Plan {
    pub(super) fn new(policy: MethodPolicy) -> Self {
        match policy {
            MethodPolicy::Retry(policy) => {
                Self::Retry { codes: policy.retryable, backoff: Backoff::new(policy) }
            }
            MethodPolicy::Hedging(policy) => {
                Self::Hedging(Hedging { policy, stopped: None, not_before: None })
            }
        }
    }

    /// When the next attempt is due if this one, which has just been sent, has no answer by then.
    pub(super) fn started(&mut self, left: u32, now: Instant) -> Option<Instant> {
        match self {
            Self::Retry { .. } => None,
            Self::Hedging(hedging) => hedging.started(left, now),
        }
    }

    pub(super) fn failed(&mut self, failed: &Failed) -> Next {
        match self {
            Self::Retry { codes, backoff } => {
                after_failure(failed, *codes, backoff).unwrap_or_else(Next::End)
            }
            Self::Hedging(hedging) => hedging.failed(failed),
        }
    }
}

/// Source: gRFC A6, "Summary of Retry and Hedging Logic", in the order of grpc-go's `shouldRetry`.
fn after_failure(
    failed: &Failed,
    codes: Codes,
    backoff: &mut Backoff,
) -> Result<Next, Option<Refusal>> {
    if !codes.contains(failed.code) {
        return Err(None);
    }
    if failed.pushback == Pushback::Never {
        return Err(Some(Refusal::PushedBack));
    }
    if failed.throttled {
        return Err(Some(Refusal::Throttled));
    }
    if failed.left == 0 {
        return Err(Some(Refusal::Exhausted));
    }
    if !failed.repeatable {
        return Err(Some(Refusal::Overflowed));
    }
    let delay = match failed.pushback {
        Pushback::After(delay) => {
            backoff.restart();
            delay
        }
        _ => backoff.delay(),
    };
    Ok(Next::At(after(failed.now, delay)))
}

#[derive(Debug)]
pub(super) struct Hedging {
    policy: HedgingPolicy,
    /// There will be no further attempt, and why.
    stopped: Option<Refusal>,
    /// A server has asked to wait until then.
    not_before: Option<Instant>,
}

impl Hedging {
    fn started(&mut self, left: u32, now: Instant) -> Option<Instant> {
        self.not_before = None;
        (left > 0 && self.stopped.is_none()).then(|| after(now, self.policy.hedging_delay))
    }

    /// Source: gRFC A6, "Summary of Retry and Hedging Logic". Where it is silent: a failure without pushback does not shorten the wait that
    /// another server has asked for, and a throttle that closes stops further attempts but not those under way.
    fn failed(&mut self, failed: &Failed) -> Next {
        if !self.policy.non_fatal.contains(failed.code) {
            return Next::End(None);
        }
        if failed.pushback == Pushback::Never {
            self.stopped = Some(Refusal::PushedBack);
        } else if failed.throttled {
            self.stopped.get_or_insert(Refusal::Throttled);
        }
        if let Some(refusal) = self.stopped {
            return Next::Wait(refusal);
        }
        if failed.left == 0 {
            return Next::Wait(Refusal::Exhausted);
        }
        if !failed.repeatable {
            return Next::Wait(Refusal::Overflowed);
        }
        if let Pushback::After(delay) = failed.pushback {
            self.not_before = Some(after(failed.now, delay));
        }
        Next::At(self.not_before.unwrap_or(failed.now))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;

    use super::super::RetryPolicy;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed(code: Code, pushback: Pushback) -> Failed {
        let now = Instant::now();
        Failed { code, pushback, throttled: false, repeatable: true, left: 3, now }
    }

    fn retry() -> Plan {
        let policy = RetryPolicy::try_new(4, SECOND, SECOND, 1.0, [Code::Unavailable]);
        Plan::new(policy.unwrap().into())
    }

    fn hedging() -> Plan {
        Plan::new(HedgingPolicy::try_new(4, SECOND, [Code::Unavailable]).unwrap().into())
    }

    /// The five types of responses of gRFC A6, without the first, which is success.
    #[tokio::test(start_paused = true)]
    async fn each_type_of_failure_is_answered_as_specified() {
        let (retryable, fatal) = (Code::Unavailable, Code::Internal);
        let (now, later) = (Instant::now(), Instant::now() + 7 * SECOND);
        let (end, never) = (Next::End(None), Refusal::PushedBack);
        for (code, pushback, retried, hedged) in [
            (fatal, Pushback::Silent, end, end),
            (fatal, Pushback::After(7 * SECOND), end, end),
            (fatal, Pushback::Never, end, end),
            (retryable, Pushback::Never, Next::End(Some(never)), Next::Wait(never)),
            (retryable, Pushback::After(7 * SECOND), Next::At(later), Next::At(later)),
        ] {
            let failed = failed(code, pushback);
            assert_eq!(retry().failed(&failed), retried, "retry: {code:?} {pushback:?}");
            assert_eq!(hedging().failed(&failed), hedged, "hedging: {code:?} {pushback:?}");
        }
        let failed = failed(retryable, Pushback::Silent);
        assert_eq!(hedging().failed(&failed), Next::At(now), "the next hedge at once");
        let Next::At(due) = retry().failed(&failed) else { panic!("not retried") };
        assert!((0.8..=1.2).contains(&(due - now).as_secs_f64()), "by the policy");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_policy_allows_may_still_be_refused() {
        let failed = failed(Code::Unavailable, Pushback::Silent);
        for (failed, refusal) in [
            (Failed { throttled: true, ..failed }, Refusal::Throttled),
            (Failed { left: 0, ..failed }, Refusal::Exhausted),
            (Failed { repeatable: false, ..failed }, Refusal::Overflowed),
        ] {
            assert_eq!(retry().failed(&failed), Next::End(Some(refusal)));
            assert_eq!(hedging().failed(&failed), Next::Wait(refusal));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_pushback_the_backoff_is_that_of_the_first_retry() {
        let codes = [Code::Unavailable];
        let policy = RetryPolicy::try_new(5, SECOND, 100 * SECOND, 10.0, codes).unwrap();
        let mut plan = Plan::new(policy.into());
        let mut delay = |pushback| match plan.failed(&failed(Code::Unavailable, pushback)) {
            Next::At(due) => due - Instant::now(),
            next => panic!("{next:?}"),
        };
        assert!(delay(Pushback::Silent) <= SECOND.mul_f64(1.2));
        assert!(delay(Pushback::Silent) >= 8 * SECOND);
        assert_eq!(delay(Pushback::After(3 * SECOND)), 3 * SECOND);
        assert!(delay(Pushback::Silent) <= SECOND.mul_f64(1.2));
    }

    #[tokio::test(start_paused = true)]
    async fn hedges_are_due_every_delay_until_none_is_left_or_they_are_stopped() {
        let mut plan = hedging();
        let now = Instant::now();
        assert_eq!(plan.started(3, now), Some(now + SECOND));
        assert_eq!(plan.started(0, now), None);
        plan.failed(&failed(Code::Unavailable, Pushback::Never));
        assert_eq!(plan.started(3, now), None);
        let silent = failed(Code::Unavailable, Pushback::Silent);
        assert_eq!(plan.failed(&silent), Next::Wait(Refusal::PushedBack), "stopped for good");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_of_one_server_does_not_shorten_the_wait_that_another_asked_for() {
        let mut plan = hedging();
        let later = Instant::now() + 5 * SECOND;
        let pushed = failed(Code::Unavailable, Pushback::After(5 * SECOND));
        let silent = failed(Code::Unavailable, Pushback::Silent);
        assert_eq!(plan.failed(&pushed), Next::At(later));
        assert_eq!(plan.failed(&silent), Next::At(later));
        plan.started(2, later);
        assert_eq!(plan.failed(&silent), Next::At(silent.now), "the wait is over");
    }
}
