//! One endpoint of a policy.

use std::sync::Arc;

use super::Counted;
use crate::policy::pick_first::{Config, PickFirst};
use crate::policy::{CallTracker, Controller, NewSubchannel, Policy, PolicyConfig};
use crate::{ConnectivityState, Endpoint, Subchannel};

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
    pub(super) first: PickFirst,
    pub(super) counted: Counted,
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

impl<D: EndpointData> Child<D> {
    /// An endpoint that is IDLE.
    pub(super) fn new(endpoint: &Endpoint, controller: &mut dyn Controller) -> Self {
        let first = PickFirst::lazy();
        let counted = Counted::new(&first);
        let mut child = Self { endpoint: endpoint.clone(), data: D::default(), first, counted };
        child.tell_endpoint(controller);
        child
    }

    /// Takes what is new of the endpoint: the order of its addresses, its name, its weight.
    pub(super) fn update(&mut self, endpoint: &Endpoint, controller: &mut dyn Controller) {
        if self.endpoint != *endpoint {
            self.endpoint = endpoint.clone();
            self.tell_endpoint(controller);
        }
    }

    fn tell_endpoint(&mut self, controller: &mut dyn Controller) {
        let config = PolicyConfig::PickFirst(Config::default());
        let mut within = Within { controller, tracker: self.data.tracker() };
        self.first.update(std::slice::from_ref(&self.endpoint), &config, &mut within);
    }

    /// Lets its `pick_first` do something.
    pub(super) fn act(
        &mut self,
        controller: &mut dyn Controller,
        act: impl FnOnce(&mut PickFirst, &mut dyn Controller),
    ) {
        act(&mut self.first, &mut Within { controller, tracker: self.data.tracker() });
    }
}

/// The controller of one endpoint's `pick_first`.
struct Within<'a> {
    controller: &'a mut dyn Controller,
    tracker: Option<Arc<dyn CallTracker>>,
}

impl Controller for Within<'_> {
    fn new_subchannel(&mut self, new: NewSubchannel<'_>) -> Arc<Subchannel> {
        let trackers = new.trackers.into_iter().chain(self.tracker.clone()).collect();
        self.controller.new_subchannel(NewSubchannel { trackers, health_checked: true, ..new })
    }

    fn request_resolution(&mut self) {
        self.controller.request_resolution();
    }
}
