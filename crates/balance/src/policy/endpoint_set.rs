//! The endpoints of a policy that uses many of them, each with a `pick_first` of its own that finds the address to use. Source: gRFC A61.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::pick_first::{self, PickFirst};
use super::{CallTracker, Controller, NewSubchannel, Policy, PolicyConfig};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Address, ConnectivityState, Endpoint, Subchannel};

/// What a policy keeps of each endpoint.
pub(crate) trait EndpointData: Default {
    /// Told of the endpoint's calls.
    fn tracker(&self) -> Option<Arc<dyn CallTracker>> {
        None
    }
}

impl EndpointData for () {}

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Child<D> {
    pub(crate) endpoint: Endpoint,
    pub(crate) data: D,
    first: PickFirst,
}

impl<D> Child<D> {
    pub(crate) fn state(&self) -> ConnectivityState {
        self.first.state()
    }

    /// What calls to this endpoint go to, when it is READY.
    pub(crate) fn ready(&self) -> Option<&Arc<Subchannel>> {
        self.first.selected()
    }

    /// Any of its subchannels, READY or not: asking it to connect takes the endpoint out of IDLE, without the policy.
    pub(crate) fn any_subchannel(&self) -> Option<&Arc<Subchannel>> {
        self.first.subchannels().next()
    }

    /// Why it is in TRANSIENT_FAILURE.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.first.failure()
    }
}

/// Every endpoint, in the resolver's order, each once.
#[derive(Debug)]
pub(crate) struct EndpointSet<D> {
    children: Vec<Child<D>>,
    owners: HashMap<SubchannelId, usize>,
}

impl<D> Default for EndpointSet<D> {
    fn default() -> Self {
        Self { children: Vec::new(), owners: HashMap::new() }
    }
}

impl<D: EndpointData> EndpointSet<D> {
    /// Takes a new list. An endpoint with the addresses of an old one is that one, whatever their order.
    pub(crate) fn update(&mut self, endpoints: &[Endpoint], controller: &mut dyn Controller) {
        let mut known: HashMap<_, _> = std::mem::take(&mut self.children)
            .into_iter()
            .map(|child| (key(&child.endpoint), child))
            .collect();
        let mut taken = std::collections::HashSet::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let key = key(endpoint);
            if !taken.insert(key.clone()) {
                continue;
            }
            match known.remove(&key) {
                Some(mut child) => {
                    if child.endpoint != *endpoint {
                        child.endpoint = endpoint.clone();
                        child.update(controller);
                    }
                    self.children.push(child);
                }
                None => {
                    let mut child = Child {
                        endpoint: endpoint.clone(),
                        data: D::default(),
                        first: PickFirst::default(),
                    };
                    child.update(controller);
                    self.children.push(child);
                }
            }
        }
        for mut gone in known.into_values() {
            gone.first.shut_down();
        }
        self.owners = self
            .children
            .iter()
            .enumerate()
            .flat_map(|(index, child)| child.first.subchannels().map(move |s| (s.id(), index)))
            .collect();
    }

    /// Passes the news on to the endpoint that it is about. Returns whether it is one of ours.
    pub(crate) fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) -> bool {
        let Some(&index) = self.owners.get(&id) else { return false };
        self.within(index, controller, |first, controller| {
            first.subchannel_changed(id, state, controller);
        });
        true
    }

    /// Makes the endpoints connect that are IDLE.
    pub(crate) fn connect_idle(&mut self, controller: &mut dyn Controller) {
        for index in 0..self.children.len() {
            if self.children[index].state() == ConnectivityState::Idle {
                self.within(index, controller, |first, controller| first.exit_idle(controller));
            }
        }
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.children.iter().filter_map(|child| child.first.wake_at()).min()
    }

    pub(crate) fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        for index in 0..self.children.len() {
            if self.children[index].first.wake_at().is_some_and(|at| at <= now) {
                self.within(index, controller, |first, controller| first.wake(now, controller));
            }
        }
    }

    /// The states of all as one: READY if any is; else CONNECTING if any may become READY; else TRANSIENT_FAILURE.
    pub(crate) fn state(&self) -> ConnectivityState {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        let mut any = [false; 2];
        for child in &self.children {
            match child.state() {
                Ready => return Ready,
                Connecting | Idle => any[0] = true,
                TransientFailure => any[1] = true,
            }
        }
        if any[0] { Connecting } else { TransientFailure }
    }

    pub(crate) fn children(&self) -> &[Child<D>] {
        &self.children
    }

    /// What every READY endpoint's calls go to.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Arc<Subchannel>> {
        self.children.iter().filter_map(Child::ready)
    }

    /// Why calls fail when every endpoint has failed.
    pub(crate) fn failure(&self) -> Status {
        let reason = self.children.iter().rev().find_map(Child::failure);
        Status::unavailable(format!(
            "no server can be reached: {}",
            reason.unwrap_or("the target has no address")
        ))
    }

    pub(crate) fn shut_down(&mut self) {
        for child in &mut self.children {
            child.first.shut_down();
        }
        self.children.clear();
        self.owners.clear();
    }

    fn within(
        &mut self,
        index: usize,
        controller: &mut dyn Controller,
        act: impl FnOnce(&mut PickFirst, &mut dyn Controller),
    ) {
        let child = &mut self.children[index];
        let mut within = Within { controller, tracker: child.data.tracker(), made: Vec::new() };
        act(&mut child.first, &mut within);
        self.owners.extend(within.made.into_iter().map(|id| (id, index)));
    }
}

impl<D: EndpointData> Child<D> {
    fn update(&mut self, controller: &mut dyn Controller) {
        let config = PolicyConfig::PickFirst(pick_first::Config::default());
        let mut within = Within { controller, tracker: self.data.tracker(), made: Vec::new() };
        self.first.update(std::slice::from_ref(&self.endpoint), &config, &mut within);
    }
}

/// The controller of one endpoint's `pick_first`.
struct Within<'a> {
    controller: &'a mut dyn Controller,
    tracker: Option<Arc<dyn CallTracker>>,
    made: Vec<SubchannelId>,
}

impl Controller for Within<'_> {
    fn new_subchannel(&mut self, new: NewSubchannel<'_>) -> Arc<Subchannel> {
        let trackers = new.trackers.into_iter().chain(self.tracker.clone()).collect();
        let made =
            self.controller.new_subchannel(NewSubchannel { trackers, health_checked: true, ..new });
        self.made.push(made.id());
        made
    }

    fn request_resolution(&mut self) {
        self.controller.request_resolution();
    }
}

/// What makes two endpoints the same.
fn key(endpoint: &Endpoint) -> BTreeSet<Address> {
    endpoint.addresses.iter().cloned().collect()
}
