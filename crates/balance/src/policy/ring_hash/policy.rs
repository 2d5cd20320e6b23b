//! The policy.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::Config;
use super::picker::{Place, RingHashPicker};
use super::ring::{Member, Ring};
use crate::policy::endpoint_set::{Child, EndpointSet};
use crate::policy::{Controller, Picture, Policy, PolicyConfig};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint};

/// The policy.
#[derive(Debug, Default)]
pub(crate) struct RingHash {
    endpoints: EndpointSet<()>,
    config: Config,
    /// What the ring is made of, to see whether it has changed.
    members: Vec<Member>,
    pub(super) ring: Option<Arc<Ring>>,
    changed: bool,
}

impl RingHash {
    fn connectivity(&self) -> ConnectivityState {
        state_of_all(self.endpoints.children().iter().map(Child::state))
    }

    /// Connects one more while the policy is not READY and is not just connecting: calls alone might find only those that have failed.
    fn connect_one_more(&mut self, controller: &mut dyn Controller) {
        use ConnectivityState::{Connecting, Idle, TransientFailure};
        let states = || self.endpoints.children().iter().map(Child::state);
        if matches!(self.connectivity(), Connecting | TransientFailure)
            && states().all(|state| state != Connecting)
            && let Some(idle) = states().position(|state| state == Idle)
        {
            self.endpoints.connect(idle, controller);
            self.changed = true;
        }
    }

    fn picker(&mut self) -> RingHashPicker {
        let ring =
            self.ring.get_or_insert_with(|| Arc::new(Ring::new(&self.members, &self.config)));
        let places = self.endpoints.children().iter().map(place).collect();
        RingHashPicker::new(ring.clone(), places, self.config.request_hash_header.clone())
    }
}

impl Policy for RingHash {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        let mut resized = false;
        if let PolicyConfig::RingHash(config) = config {
            let size = |config: &Config| {
                (config.min_ring_size, config.max_ring_size, config.ring_size_cap)
            };
            resized = size(config) != size(&self.config);
            self.config = config.clone();
        }
        self.endpoints.update(&merge(endpoints), controller);
        let children = self.endpoints.children().iter();
        let members: Vec<_> = children.map(|child| Member::new(&child.endpoint)).collect();
        if resized || members != self.members {
            self.members = members;
            self.ring = None;
        }
        self.connect_one_more(controller);
        self.changed = true;
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        self.changed |= self.endpoints.subchannel_changed(id, state, controller);
        self.connect_one_more(controller);
    }

    /// Nothing: the picker has asked the endpoint to connect that the call goes to.
    fn exit_idle(&mut self, _: &mut dyn Controller) {}

    fn wake_at(&self) -> Option<Instant> {
        self.endpoints.wake_at()
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        self.endpoints.wake(now, controller);
        self.connect_one_more(controller);
        self.changed = true;
    }

    fn picture(&mut self) -> Option<Picture> {
        std::mem::take(&mut self.changed)
            .then(|| Picture { state: self.connectivity(), picker: Arc::new(self.picker()) })
    }

    fn shut_down(&mut self) {
        self.endpoints.shut_down();
        self.members.clear();
        self.ring = None;
    }
}

/// One state for all. Two failures are enough for TRANSIENT_FAILURE: since endpoints are connected one by one, all would take too long. Source: gRFC A42.
pub(super) fn state_of_all(states: impl Iterator<Item = ConnectivityState>) -> ConnectivityState {
    use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
    let (mut connecting, mut idle, mut failed) = (0, 0, 0);
    for state in states {
        match state {
            Ready => return Ready,
            Connecting => connecting += 1,
            Idle => idle += 1,
            TransientFailure => failed += 1,
        }
    }
    match (failed, connecting, idle) {
        (2.., ..) => TransientFailure,
        (_, 1.., _) | (1, _, 1..) => Connecting,
        (0, _, 1..) => Idle,
        _ => TransientFailure,
    }
}

/// An endpoint that is there twice is one with the weights of both.
fn merge(endpoints: &[Endpoint]) -> Vec<Endpoint> {
    let mut merged: Vec<Endpoint> = Vec::with_capacity(endpoints.len());
    let mut places = HashMap::with_capacity(endpoints.len());
    for endpoint in endpoints {
        match places.entry(endpoint.addresses.iter().collect::<BTreeSet<_>>()) {
            Entry::Occupied(place) => {
                let first: &mut Endpoint = &mut merged[*place.get()];
                first.weight = first.weight.max(1).saturating_add(endpoint.weight.max(1));
            }
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(endpoint.clone());
            }
        }
    }
    merged
}

fn place(child: &Child<()>) -> Place {
    match (child.state(), child.ready(), child.any_subchannel()) {
        (ConnectivityState::Ready, Some(subchannel), _) => Place::Ready(subchannel.clone()),
        (ConnectivityState::Idle, _, Some(subchannel)) => Place::Idle(subchannel.clone()),
        (ConnectivityState::TransientFailure, ..) => Place::Failed(Status::unavailable(format!(
            "ring_hash finds no endpoint that can be reached: {}",
            child.failure().unwrap_or("not connected")
        ))),
        _ => Place::Connecting,
    }
}
