//! What `round_robin`, `random` and `least_request` have in common: every endpoint is kept connected, and calls go to those that are READY.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::endpoint_set::EndpointSet;
use super::{Controller, Picker, Picture, Policy, PolicyConfig, queue_or_fail};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint, Subchannel};

/// A picker among all READY endpoints.
pub(crate) trait SpreadPicker: Picker + Sized + 'static {
    /// The settings that it is made with.
    type Config: Clone + Default + PartialEq + fmt::Debug + Send;

    /// The settings of its policy; `None` when they are those of another one.
    fn config(config: &PolicyConfig) -> Option<&Self::Config>;

    /// Picks among these, of which there is at least one.
    fn among(ready: Box<[Arc<Subchannel>]>, config: &Self::Config) -> Self;
}

/// Spreads calls over all READY endpoints, as the picker `P` says.
#[derive(Debug)]
pub(crate) struct Spread<P: SpreadPicker> {
    endpoints: EndpointSet<()>,
    config: P::Config,
    config_changed: bool,
}

impl<P: SpreadPicker> Default for Spread<P> {
    fn default() -> Self {
        let (endpoints, config) = (EndpointSet::default(), P::Config::default());
        Self { endpoints, config, config_changed: false }
    }
}

impl<P: SpreadPicker> Policy for Spread<P> {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        if let Some(config) = P::config(config) {
            self.config_changed |= self.config != *config;
            self.config = config.clone();
        }
        self.endpoints.update(endpoints, controller);
        self.endpoints.connect_idle(controller);
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        self.endpoints.subchannel_changed(id, state, controller);
        self.endpoints.connect_idle(controller);
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        self.endpoints.connect_idle(controller);
    }

    fn wake_at(&self) -> Option<Instant> {
        self.endpoints.wake_at()
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        self.endpoints.wake(now, controller);
    }

    fn picture(&mut self) -> Option<Picture> {
        let changed =
            self.endpoints.take_ready_changed() | std::mem::take(&mut self.config_changed);
        changed.then(|| match self.endpoints.state() {
            ConnectivityState::Ready => {
                let picker = P::among(self.endpoints.ready().cloned().collect(), &self.config);
                Picture { state: ConnectivityState::Ready, picker: Arc::new(picker) }
            }
            state => queue_or_fail(state, || self.endpoints.failure()),
        })
    }

    fn shut_down(&mut self) {
        self.endpoints.shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::round_robin::{self, RoundRobin};
    use crate::policy::testing::{FakeController, endpoints, pick};

    const CONFIG: PolicyConfig = PolicyConfig::RoundRobin(round_robin::Config);

    /// A policy whose endpoints with these numbers are READY.
    fn ready(numbers: std::ops::RangeInclusive<u8>) -> (RoundRobin, FakeController) {
        let (mut policy, mut controller) = (RoundRobin::default(), FakeController::default());
        policy.update(&endpoints(numbers), &CONFIG, &mut controller);
        controller.connect_all(&mut policy);
        (policy, controller)
    }

    fn picks(picture: &Picture) -> Vec<String> {
        let mut picks: Vec<_> = (0..9).map(|_| pick(picture)).collect();
        picks.sort();
        picks.dedup();
        picks
    }

    #[tokio::test(start_paused = true)]
    async fn every_endpoint_connects_at_once_and_again_when_its_connection_is_lost() {
        let (mut policy, mut controller) = (RoundRobin::default(), FakeController::default());
        policy.update(&endpoints(1..=3), &CONFIG, &mut controller);
        let ids = controller.connects();
        assert_eq!(ids.len(), 3);
        controller.make_ready(&mut policy, ids[1]);
        assert_eq!(picks(&policy.picture().unwrap()), ["10.0.0.2:1"]);
        policy.subchannel_changed(ids[1], &SubchannelState::Idle, &mut controller);
        assert_eq!(controller.asked(), ["10.0.0.2:1"]);
        assert_eq!(controller.resolutions, 1);
        assert_eq!(picks(&policy.picture().unwrap()), ["queue"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_has_failed_is_left_out_and_the_picker_stays() {
        let (mut policy, mut controller) = ready(1..=3);
        policy.picture();
        let id = controller.subchannel(&endpoints([2])[0].addresses[0]).id();
        policy.subchannel_changed(id, &SubchannelState::Idle, &mut controller);
        assert_eq!(picks(&policy.picture().unwrap()), ["10.0.0.1:1", "10.0.0.3:1"]);
        for _ in 0..3 {
            controller.fail(&mut policy, id, "refused");
            policy.subchannel_changed(id, &SubchannelState::Idle, &mut controller);
            assert!(policy.picture().is_none(), "a new picker would begin anew with its turns");
        }
        controller.make_ready(&mut policy, id);
        assert_eq!(picks(&policy.picture().unwrap()).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_fail_with_a_reason_when_every_endpoint_has_failed() {
        let (mut policy, mut controller) = (RoundRobin::default(), FakeController::default());
        policy.update(&endpoints(1..=2), &CONFIG, &mut controller);
        policy.picture();
        let ids = controller.connects();
        controller.fail(&mut policy, ids[1], "two refuses");
        assert!(policy.picture().is_none(), "the other may still come");
        controller.fail(&mut policy, ids[0], "one refuses");
        let failed = policy.picture().unwrap();
        assert_eq!(failed.state, ConnectivityState::TransientFailure);
        assert_eq!(pick(&failed), "fail: no server can be reached: two refuses");
        policy.subchannel_changed(ids[1], &SubchannelState::Idle, &mut controller);
        controller.fail(&mut policy, ids[1], "two hangs");
        let failed = policy.picture().unwrap();
        assert_eq!(pick(&failed), "fail: no server can be reached: two hangs");
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_endpoint_is_no_longer_picked() {
        let (mut policy, mut controller) = ready(1..=3);
        policy.picture();
        policy.update(&endpoints(2..=4), &CONFIG, &mut controller);
        assert_eq!(picks(&policy.picture().unwrap()), ["10.0.0.2:1", "10.0.0.3:1"]);
        assert_eq!(controller.live(), ["10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"]);
        assert_eq!(controller.asked(), ["10.0.0.4:1"]);
        policy.shut_down();
        assert_eq!(
            picks(&policy.picture().unwrap()),
            ["fail: no server can be reached: the target has no address"]
        );
        assert!(controller.live().is_empty());
    }
}
