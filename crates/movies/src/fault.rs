//! Failing on purpose, so that what a client does about failures can be seen.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Refusal;

/// Which calls of a server fail. Calls are counted from 1, over all methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPlan {
    /// Every call, written `always`.
    Always,
    /// The first so many calls, written `first:N`.
    First(NonZeroU64),
    /// Every call after the first so many, written `after:N`.
    After(NonZeroU64),
    /// Each so-manieth call, written `every:N`.
    Every(NonZeroU64),
}

/// A text that is not a [`FaultPlan`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a plan; a plan is always, first:N, after:N or every:N, with N from 1")]
pub struct FaultPlanError(String);

impl FaultPlan {
    /// Whether the call with this number, from 1, fails.
    fn fails(self, call: u64) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => call <= count.get(),
            Self::After(count) => call > count.get(),
            Self::Every(count) => call.is_multiple_of(count.get()),
        }
    }
}

impl FromStr for FaultPlan {
    type Err = FaultPlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || FaultPlanError(text.to_owned());
        if text == "always" {
            return Ok(Self::Always);
        }
        let (form, count) = text.split_once(':').ok_or_else(error)?;
        let count = count.parse().map_err(|_| error())?;
        match form {
            "first" => Ok(Self::First(count)),
            "after" => Ok(Self::After(count)),
            "every" => Ok(Self::Every(count)),
            _ => Err(error()),
        }
    }
}

/// Counts the calls of a server and fails those that its plan says.
#[derive(Debug)]
pub(crate) struct Faults {
    plan: Option<FaultPlan>,
    calls: AtomicU64,
}

impl Faults {
    pub(crate) fn new(plan: Option<FaultPlan>) -> Self {
        Self { plan, calls: AtomicU64::new(0) }
    }

    /// Counts one call, and fails it if its turn has come. Calls at the same time get different numbers.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let Some(plan) = self.plan else { return Ok(()) };
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if plan.fails(call) { Err(Refusal::Fault) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn every_plan_fails_just_its_calls() {
        for (text, failing) in [
            ("always", &[1, 2, 3, 4, 5, 6][..]),
            ("first:1", &[1]),
            ("first:3", &[1, 2, 3]),
            ("after:1", &[2, 3, 4, 5, 6]),
            ("after:4", &[5, 6]),
            ("every:1", &[1, 2, 3, 4, 5, 6]),
            ("every:2", &[2, 4, 6]),
            ("every:4", &[4]),
            ("first:18446744073709551615", &[1, 2, 3, 4, 5, 6]),
        ] {
            let faults = Faults::new(Some(text.parse().unwrap()));
            let failed: Vec<_> = (1..=6).filter(|_| faults.check().is_err()).collect();
            assert_eq!(failed, failing, "{text}");
        }
    }

    #[test]
    fn nothing_fails_without_a_plan() {
        let faults = Faults::new(None);
        assert!((0..1000).all(|_| faults.check().is_ok()));
    }

    #[test]
    fn what_is_not_a_plan_is_answered_with_the_plans_there_are() {
        for text in [
            "", "never", "first", "first:", "first:0", "first:-1", "after:x", "every:0", "each:2",
            "Always", "always:1",
        ] {
            let error = text.parse::<FaultPlan>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{text}'")), "{error}");
            assert!(error.contains("always, first:N, after:N or every:N"), "{error}");
        }
    }

    #[test]
    fn exactly_the_planned_number_fails_when_threads_race() {
        const THREADS: usize = 4;
        const CALLS: usize = 25_000;
        for (text, expected) in
            [("first:50000", 50_000), ("after:99000", 1000), ("every:3", 33_333)]
        {
            let faults = Faults::new(Some(text.parse().unwrap()));
            // Without it the first thread would be done before the last one begins.
            let start = Barrier::new(THREADS);
            let failed: usize = std::thread::scope(|scope| {
                let race = || {
                    start.wait();
                    (0..CALLS).filter(|_| faults.check().is_err()).count()
                };
                let racers: Vec<_> = (0..THREADS).map(|_| scope.spawn(race)).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).sum()
            });
            assert_eq!(failed, expected, "{text}");
        }
    }
}
