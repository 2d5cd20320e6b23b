//! What the policy does, and how it goes from one thing to the next.

use std::sync::Arc;

use super::PickFirst;
use super::attempts::Progress;
use super::first_pass::FirstPass;
use crate::policy::Controller;

/// What it does.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Nothing, until somebody wants a connection. Only the first address has a subchannel, for those who ask that to connect.
    #[default]
    Idle,
    FirstPass(FirstPass),
    /// Tries every address again whenever its backoff has passed.
    Retrying {
        /// Attempts that have failed since a resolution was last asked for.
        failures: usize,
    },
    /// Uses the address of this turn; the others have no subchannel.
    Selected {
        turn: usize,
        healthy: bool,
    },
}

impl PickFirst {
    /// (Idle | FirstPass | Retrying | Selected) => (FirstPass | Retrying)
    pub(super) fn start_pass(&mut self, sticky: bool, controller: &mut dyn Controller) {
        if !sticky {
            self.failure = None;
        }
        self.phase = Phase::FirstPass(FirstPass::new(sticky, &mut self.attempts));
        self.go_on(controller);
    }

    /// FirstPass => (FirstPass | Retrying)
    pub(super) fn go_on(&mut self, controller: &mut dyn Controller) {
        let Phase::FirstPass(pass) = &mut self.phase else { return };
        pass.go_on(&self.list, &mut self.attempts, controller);
        self.end_pass(controller);
    }

    /// FirstPass => (FirstPass | Retrying)
    fn end_pass(&mut self, controller: &mut dyn Controller) {
        let Phase::FirstPass(pass) = &mut self.phase else { return };
        let Some(end) = pass.all_failed(&self.list) else { return };
        self.failure = end.failure;
        self.phase = Phase::Retrying { failures: 0 };
        for attempt in self.attempts.iter_mut() {
            attempt.connect();
        }
        if end.resolve {
            controller.request_resolution();
        }
    }

    /// (FirstPass | Retrying) => (FirstPass | Retrying)
    fn attempt_failed(&mut self, turn: usize, why: Arc<str>, controller: &mut dyn Controller) {
        match &mut self.phase {
            Phase::FirstPass(pass) => {
                if pass.attempt_failed(turn, why, &mut self.attempts) {
                    self.go_on(controller);
                } else {
                    self.end_pass(controller);
                }
            }
            Phase::Retrying { failures } => {
                *failures += 1;
                if *failures >= self.list.len() {
                    *failures = 0;
                    self.failure = Some(why);
                    controller.request_resolution();
                }
            }
            Phase::Idle | Phase::Selected { .. } => {}
        }
    }

    /// (Idle | FirstPass | Retrying | Selected) => Selected
    pub(super) fn select(&mut self, turn: usize, unhealthy: Option<Arc<str>>) {
        self.attempts.keep_only(turn);
        self.phase = Phase::Selected { turn, healthy: unhealthy.is_none() };
        self.failure = unhealthy;
    }

    /// (Idle | Selected) => Idle
    pub(super) fn rest(&mut self, controller: &mut dyn Controller) {
        self.attempts.keep_only(0);
        self.attempts.make(0, &self.list, controller);
        self.phase = Phase::Idle;
        self.failure = None;
    }

    /// What has become of a subchannel that is not in use.
    pub(super) fn progressed(
        &mut self,
        turn: usize,
        to: Progress,
        controller: &mut dyn Controller,
    ) {
        let Some(attempt) = self.attempts.get_mut(turn) else { return };
        let from = std::mem::replace(&mut attempt.progress, to.clone());
        match (&self.phase, from, to) {
            (Phase::Idle, _, Progress::Idle) => {}
            // Somebody else made it connect: that begins a pass, in which the news counts.
            (Phase::Idle, _, to) => {
                attempt.progress = Progress::Connecting;
                self.start_pass(false, controller);
                self.progressed(turn, to, controller);
            }
            (_, _, Progress::Backoff(why)) => self.attempt_failed(turn, why, controller),
            // Its word crossed ours, or it has tried and failed so quickly that only the end was told.
            (Phase::FirstPass(_), Progress::Asked, Progress::Idle) => attempt.connect(),
            (Phase::FirstPass(_), Progress::Connecting, Progress::Idle) => {
                let why = "the connection was lost before it could be used";
                self.attempt_failed(turn, why.into(), controller);
            }
            (Phase::Retrying { .. }, _, Progress::Idle) => attempt.connect(),
            _ => {}
        }
    }
}
