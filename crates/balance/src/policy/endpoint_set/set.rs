//! All of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::{Child, EndpointData, Overview};
use crate::policy::pick_first::{PickFirst, unreachable};
use crate::policy::{Controller, Policy};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Address, ConnectivityState, Endpoint, Subchannel};

/// Every endpoint, in the resolver's order, each once.
#[derive(Debug)]
pub(crate) struct EndpointSet<D> {
    children: Vec<Child<D>>,
    overview: Overview,
    ready_changed: bool,
}

impl<D> Default for EndpointSet<D> {
    fn default() -> Self {
        Self { children: Vec::new(), overview: Overview::default(), ready_changed: true }
    }
}

impl<D: EndpointData> EndpointSet<D> {
    /// Takes a new list. An endpoint with the addresses of an old one is that one, whatever their order; new ones are IDLE.
    pub(crate) fn update(&mut self, endpoints: &[Endpoint], controller: &mut dyn Controller) {
        // The answer of most resolutions.
        if self.children.iter().map(|child| &child.endpoint).eq(endpoints) {
            return;
        }
        let state = self.state();
        let matched = match_up(&self.children, endpoints);
        let mut old: Vec<_> = std::mem::take(&mut self.children).into_iter().map(Some).collect();
        for (endpoint, known) in matched {
            self.children.push(match known.and_then(|index| old[index].take()) {
                Some(mut child) => {
                    child.update(endpoint, controller);
                    child
                }
                None => Child::new(endpoint, controller),
            });
        }
        for mut gone in old.into_iter().flatten() {
            self.ready_changed |= gone.ready().is_some();
            gone.first.shut_down();
        }
        self.overview = Overview::default();
        for (index, child) in self.children.iter_mut().enumerate() {
            self.ready_changed |= child.counted.renew(&child.first).selected;
            self.overview.add(index, &child.counted);
        }
        self.ready_changed |= self.state() != state;
    }

    /// Passes the news on to the endpoint that it is about. Returns whether this changes what others see of an endpoint: its state, the subchannel that
    /// it uses, or why it has failed.
    pub(crate) fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) -> bool {
        let Some(index) = self.overview.owner(id) else { return false };
        self.within(index, controller, |first, controller| {
            first.subchannel_changed(id, state, controller);
        })
    }

    /// Makes the endpoints connect that are IDLE.
    pub(crate) fn connect_idle(&mut self, controller: &mut dyn Controller) {
        for index in self.overview.idle() {
            self.within(index, controller, |first, controller| first.exit_idle(controller));
        }
    }

    /// Makes one endpoint connect, if it is IDLE.
    pub(crate) fn connect(&mut self, index: usize, controller: &mut dyn Controller) {
        self.within(index, controller, |first, controller| first.exit_idle(controller));
    }

    /// The endpoint that a subchannel was made for, if it is one of ours.
    pub(crate) fn child_of(&self, id: SubchannelId) -> Option<&Child<D>> {
        self.overview.owner(id).and_then(|index| self.children.get(index))
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.overview.wake_at()
    }

    pub(crate) fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        for index in self.overview.due(now) {
            self.within(index, controller, |first, controller| first.wake(now, controller));
        }
    }

    /// The states of all as one: READY if any is; else CONNECTING if any may become READY; else TRANSIENT_FAILURE.
    pub(crate) fn state(&self) -> ConnectivityState {
        self.overview.state()
    }

    /// Whether the state, the endpoints that are READY, or why all have failed is other than when this was last called: whether a policy that looks at
    /// nothing else needs a new picker. An endpoint that fails while others are READY is no reason.
    pub(crate) fn take_ready_changed(&mut self) -> bool {
        std::mem::take(&mut self.ready_changed)
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
        unreachable(self.children.iter().rev().find_map(Child::failure))
    }

    /// Which endpoint a subchannel belongs to.
    #[cfg(test)]
    pub(super) fn owner(&self, id: SubchannelId) -> Option<usize> {
        self.overview.owner(id)
    }

    pub(crate) fn shut_down(&mut self) {
        for child in &mut self.children {
            child.first.shut_down();
        }
        *self = Self::default();
    }

    /// Lets one endpoint do something, and returns whether others see a change of it.
    fn within(
        &mut self,
        index: usize,
        controller: &mut dyn Controller,
        act: impl FnOnce(&mut PickFirst, &mut dyn Controller),
    ) -> bool {
        let state = self.state();
        let child = &mut self.children[index];
        child.act(controller, act);
        self.overview.remove(index, &child.counted);
        let news = child.counted.renew(&child.first);
        self.overview.add(index, &child.counted);
        let all_failed = self.state() == ConnectivityState::TransientFailure;
        self.ready_changed |= news.selected || self.state() != state || (news.report && all_failed);
        news.report
    }
}

/// Each endpoint of a new list, once, with the index of the old one that it is.
fn match_up<'e, D>(
    old: &[Child<D>],
    endpoints: &'e [Endpoint],
) -> Vec<(&'e Endpoint, Option<usize>)> {
    enum Known {
        Old(usize),
        Listed,
    }
    let mut known: HashMap<_, _> = (old.iter().enumerate())
        .map(|(index, child)| (key(&child.endpoint), Known::Old(index)))
        .collect();
    let mut matched = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        match known.insert(key(endpoint), Known::Listed) {
            Some(Known::Old(index)) => matched.push((endpoint, Some(index))),
            Some(Known::Listed) => {}
            None => matched.push((endpoint, None)),
        }
    }
    matched
}

/// What makes two endpoints the same: the set of their addresses.
fn key(endpoint: &Endpoint) -> Cow<'_, [Address]> {
    let addresses = &endpoint.addresses[..];
    // Nearly always: most have one.
    if addresses.is_sorted_by(|one, next| one < next) {
        return Cow::Borrowed(addresses);
    }
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Cow::Owned(sorted)
}
