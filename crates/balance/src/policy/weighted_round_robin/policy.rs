//! The policy and its picker.

use std::sync::Arc;

use tokio::time::Instant;

use super::Config;
use super::endpoint_weight::Data;
use crate::lock_free::{Stride, Turns, Unusable};
use crate::policy::endpoint_set::{Child, EndpointSet};
use crate::policy::{
    Controller, Pick, PickArgs, Picker, Picture, Policy, PolicyConfig, queue_or_fail,
};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint, Subchannel};

/// The policy.
#[derive(Debug)]
pub(crate) struct WeightedRoundRobin {
    endpoints: EndpointSet<Data>,
    config: Arc<Config>,
    /// Goes on from picker to picker: to begin anew every second would favour whoever comes first.
    turns: Arc<Turns>,
    /// How the picker in use spreads calls.
    stride: Option<Stride>,
    /// When to look at the weights again; only when there are endpoints to choose from.
    next_update: Option<Instant>,
    /// Whether the config or the weights are others than those of the picker in use.
    changed: bool,
}

impl Default for WeightedRoundRobin {
    fn default() -> Self {
        Self {
            endpoints: EndpointSet::default(),
            config: Arc::default(),
            // Not with the same endpoint on every client. 32 bits leave the counter room.
            turns: Arc::new(Turns::starting_at(fastrand::u32(..) as usize)),
            stride: None,
            next_update: None,
            changed: false,
        }
    }
}

impl WeightedRoundRobin {
    /// What the READY endpoints weigh.
    fn weights(&self, now: Instant) -> Vec<Result<f32, Unusable>> {
        let ready = self.endpoints.children().iter().filter(|child| child.ready().is_some());
        ready.map(|child| child.data.0.get(now)).collect()
    }

    /// Counts a look at the weights that a picker is made of, or left as it is.
    fn count(&self, weights: &[Result<f32, Unusable>]) {
        if let Some(any) = self.endpoints.ready().next() {
            any.totals().weights.looked(weights);
        }
    }

    fn ready_picture(&mut self) -> Picture {
        let now = Instant::now();
        let weights = self.weights(now);
        self.count(&weights);
        self.stride = schedule(&weights);
        let ready: Box<[_]> = self.endpoints.ready().cloned().collect();
        self.next_update = (ready.len() > 1).then(|| now + self.config.weight_update_period);
        let (stride, turns) = (self.stride.clone(), self.turns.clone());
        let picker = Arc::new(WeightedPicker { ready, stride, turns });
        Picture { state: ConnectivityState::Ready, picker }
    }
}

impl Policy for WeightedRoundRobin {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        if let PolicyConfig::WeightedRoundRobin(config) = config {
            self.config = Arc::new(config.clone());
        }
        self.endpoints.update(endpoints, controller);
        for child in self.endpoints.children() {
            child.data.0.configure(&self.config);
        }
        self.endpoints.connect_idle(controller);
        self.changed = true;
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        let was_ready = self.endpoints.child_of(id).is_some_and(is_ready);
        self.endpoints.subchannel_changed(id, state, controller);
        if let Some(child) = self.endpoints.child_of(id)
            && is_ready(child)
            && !was_ready
        {
            child.data.0.restart();
        }
        self.endpoints.connect_idle(controller);
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        self.endpoints.connect_idle(controller);
    }

    fn wake_at(&self) -> Option<Instant> {
        self.endpoints.wake_at().into_iter().chain(self.next_update).min()
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        self.endpoints.wake(now, controller);
        if self.next_update.is_some_and(|at| at <= now) {
            self.next_update = Some(now + self.config.weight_update_period);
            let weights = self.weights(now);
            if schedule(&weights) == self.stride {
                self.count(&weights);
            } else {
                self.changed = true;
            }
        }
    }

    fn picture(&mut self) -> Option<Picture> {
        let changed = self.endpoints.take_ready_changed() | std::mem::take(&mut self.changed);
        changed.then(|| match self.endpoints.state() {
            ConnectivityState::Ready => self.ready_picture(),
            state => {
                self.next_update = None;
                queue_or_fail(state, || self.endpoints.failure())
            }
        })
    }

    fn shut_down(&mut self) {
        self.endpoints.shut_down();
        self.next_update = None;
    }
}

/// How the weights say that calls are spread.
fn schedule(weights: &[Result<f32, Unusable>]) -> Option<Stride> {
    Stride::new(&weights.iter().map(|weight| weight.ok()).collect::<Vec<_>>())
}

fn is_ready(child: &Child<Data>) -> bool {
    child.state() == ConnectivityState::Ready
}

/// As `round_robin`, with turns that are let pass. There is at least one endpoint.
#[derive(Debug)]
struct WeightedPicker {
    ready: Box<[Arc<Subchannel>]>,
    /// `None` when all get the same.
    stride: Option<Stride>,
    turns: Arc<Turns>,
}

impl Picker for WeightedPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        let index = match &self.stride {
            Some(stride) => stride.pick(&self.turns),
            None => self.turns.take() % self.ready.len(),
        };
        Pick::Subchannel(&self.ready[index])
    }
}
