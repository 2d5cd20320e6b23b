//! `round_robin`: every READY endpoint in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::endpoint_set::EndpointSet;
use super::{Controller, Pick, PickArgs, Picker, Picture, Policy, PolicyConfig, queue_or_fail};
use crate::service_config::Fields;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint, ServiceConfigError, Subchannel};

/// `round_robin` has no settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config;

impl Config {
    #[expect(clippy::unnecessary_wraps, reason = "the other policies' can fail")]
    pub(crate) fn parse(_: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        Ok(Self)
    }
}

/// The policy.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    endpoints: EndpointSet<()>,
    changed: bool,
}

impl Policy for RoundRobin {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        _: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        self.endpoints.update(endpoints, controller);
        self.endpoints.connect_idle(controller);
        self.changed = true;
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        self.changed |= self.endpoints.subchannel_changed(id, state, controller);
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
        self.changed = true;
    }

    fn picture(&mut self) -> Option<Picture> {
        std::mem::take(&mut self.changed).then(|| match self.endpoints.state() {
            ConnectivityState::Ready => {
                let ready = self.endpoints.ready().cloned().collect();
                Picture {
                    state: ConnectivityState::Ready,
                    picker: Arc::new(RoundRobinPicker::new(ready)),
                }
            }
            state => queue_or_fail(state, || self.endpoints.failure()),
        })
    }

    fn shut_down(&mut self) {
        self.endpoints.shut_down();
    }
}

/// One after the other, from a random one on, so that many clients do not begin with the same.
#[derive(Debug)]
pub(crate) struct RoundRobinPicker {
    ready: Box<[Arc<Subchannel>]>,
    next: AtomicUsize,
}

impl RoundRobinPicker {
    /// Picks among these; there has to be one.
    pub(crate) fn new(ready: Box<[Arc<Subchannel>]>) -> Self {
        let next = AtomicUsize::new(fastrand::usize(..ready.len().max(1)));
        Self { ready, next }
    }
}

impl Picker for RoundRobinPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.ready.len();
        Pick::Subchannel(&self.ready[turn])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{FakeController, endpoints, pick};

    #[tokio::test(start_paused = true)]
    async fn ready_endpoints_are_picked_in_turn() {
        let (mut policy, mut controller) = (RoundRobin::default(), FakeController::default());
        policy.update(&endpoints(1..=3), &PolicyConfig::RoundRobin(Config), &mut controller);
        assert_eq!(pick(&policy.picture().unwrap()), "queue");
        controller.connect_all(&mut policy);
        let picture = policy.picture().unwrap();
        let picks: Vec<_> = (0..6).map(|_| pick(&picture)).collect();
        let mut window = picks[..3].to_vec();
        window.sort();
        assert_eq!(window, ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]);
        assert_eq!(picks[..3], picks[3..]);
        assert!(policy.picture().is_none(), "nothing has changed");
    }
}
