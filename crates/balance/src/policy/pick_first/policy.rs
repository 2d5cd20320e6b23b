//! The policy as a state machine.

use std::sync::Arc;

use tokio::time::Instant;

use super::address_list::AddressList;
use super::attempts::{Attempts, Progress};
use super::phases::Phase;
use super::picker::{PickFirstPicker, unreachable};
use crate::policy::{Controller, Picture, Policy, PolicyConfig, queue_or_fail};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint, Subchannel};

/// The policy. By itself it connects as soon as it has a list; see [`lazy`](Self::lazy).
#[derive(Debug, Default)]
pub(crate) struct PickFirst {
    lazy: bool,
    pub(super) list: AddressList,
    pub(super) attempts: Attempts,
    pub(super) phase: Phase,
    /// Why it is in TRANSIENT_FAILURE.
    pub(super) failure: Option<Arc<str>>,
    /// What the last picture showed.
    shown: Option<Report>,
}

/// What others see of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) state: ConnectivityState,
    /// The subchannel in use, when READY.
    pub(crate) selected: Option<SubchannelId>,
    /// Why it is in TRANSIENT_FAILURE.
    pub(crate) failure: Option<Arc<str>>,
}

impl PickFirst {
    /// One that does not connect before it is [told to](Policy::exit_idle), or until somebody else makes its only subchannel connect: what policies
    /// need that decide themselves which of their endpoints connect.
    pub(crate) fn lazy() -> Self {
        Self { lazy: true, ..Self::default() }
    }

    pub(crate) fn state(&self) -> ConnectivityState {
        match &self.phase {
            Phase::Idle => ConnectivityState::Idle,
            Phase::FirstPass(pass) if !pass.sticky => ConnectivityState::Connecting,
            Phase::Selected { healthy: true, .. } => ConnectivityState::Ready,
            Phase::FirstPass(_) | Phase::Retrying { .. } | Phase::Selected { .. } => {
                ConnectivityState::TransientFailure
            }
        }
    }

    /// The subchannel in use, when READY.
    pub(crate) fn selected(&self) -> Option<&Arc<Subchannel>> {
        match self.phase {
            Phase::Selected { turn, healthy: true } => self.attempts.subchannel(turn),
            _ => None,
        }
    }

    /// Every subchannel that it has now, in the order of its addresses.
    pub(crate) fn subchannels(&self) -> impl Iterator<Item = &Arc<Subchannel>> {
        self.attempts.iter().map(|attempt| &attempt.subchannel)
    }

    /// Why it is in TRANSIENT_FAILURE.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// All of that at once, to be compared.
    pub(crate) fn report(&self) -> Report {
        Report {
            state: self.state(),
            selected: self.selected().map(|subchannel| subchannel.id()),
            failure: self.failure.clone(),
        }
    }
}

impl Policy for PickFirst {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        let shuffled =
            matches!(config, PolicyConfig::PickFirst(config) if config.shuffle_address_list);
        if !self.list.is_empty() && self.list.is_of(endpoints, shuffled) {
            return;
        }
        let list = AddressList::new(endpoints, shuffled);
        let in_use = match self.phase {
            Phase::Selected { turn, .. } => self.attempts.subchannel(turn).map(|s| s.id()),
            _ => None,
        };
        self.attempts.move_to(&self.list, &list);
        let old = std::mem::replace(&mut self.list, list);
        if self.list.is_empty() {
            self.phase = Phase::Retrying { failures: 0 };
            self.failure = Some("the target has no address".into());
            return;
        }
        match &mut self.phase {
            Phase::Idle if self.lazy || !old.is_empty() => self.rest(controller),
            Phase::Selected { turn, .. } => match in_use.and_then(|id| self.attempts.turn(id)) {
                Some(new_turn) => *turn = new_turn,
                None => self.start_pass(false, controller),
            },
            Phase::Idle => self.start_pass(false, controller),
            Phase::FirstPass(pass) => {
                let sticky = pass.sticky;
                self.start_pass(sticky, controller);
            }
            // Only failed attempts make TRANSIENT_FAILURE stay, not a list without an address.
            Phase::Retrying { .. } => self.start_pass(!old.is_empty(), controller),
        }
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        let Some(turn) = self.attempts.turn(id) else { return };
        let progress = match state {
            SubchannelState::Ready => return self.select(turn, None),
            SubchannelState::Unhealthy(why) => return self.select(turn, Some(why.clone())),
            SubchannelState::Idle => Progress::Idle,
            SubchannelState::Connecting => Progress::Connecting,
            SubchannelState::TransientFailure(why) => Progress::Backoff(why.clone()),
        };
        if matches!(self.phase, Phase::Selected { .. }) {
            if let Some(attempt) = self.attempts.get_mut(turn) {
                attempt.progress = progress;
            }
            self.rest(controller);
            controller.request_resolution();
        } else {
            self.progressed(turn, progress, controller);
        }
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        if matches!(self.phase, Phase::Idle) && !self.list.is_empty() {
            self.start_pass(false, controller);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::FirstPass(pass) => pass.next_at(),
            _ => None,
        }
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        if let Phase::FirstPass(pass) = &mut self.phase
            && pass.next_at().is_some_and(|at| at <= now)
        {
            pass.next_turn();
            self.go_on(controller);
        }
    }

    fn picture(&mut self) -> Option<Picture> {
        let report = self.report();
        if self.shown.as_ref() == Some(&report) {
            return None;
        }
        self.shown = Some(report);
        Some(match self.selected() {
            Some(selected) => Picture {
                state: ConnectivityState::Ready,
                picker: Arc::new(PickFirstPicker(selected.clone())),
            },
            None => queue_or_fail(self.state(), || unreachable(self.failure())),
        })
    }

    fn shut_down(&mut self) {
        self.attempts.shut_down();
        self.list = AddressList::default();
        self.phase = Phase::Idle;
        self.failure = None;
    }
}
