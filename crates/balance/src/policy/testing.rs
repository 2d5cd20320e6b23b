//! A controller that makes subchannels without a network, for the tests of policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use tokio::time::Duration;
use tonic::Code;

use super::{CallEnd, CallTracker, Controller, NewSubchannel, Pick, PickArgs, Picture, Policy};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Address, Endpoint, Subchannel};

/// Endpoints with one address each: `10.0.0.N:1`.
pub(crate) fn endpoints(numbers: impl IntoIterator<Item = u8>) -> Vec<Endpoint> {
    let endpoint = |n| {
        let address = std::net::SocketAddr::from(([10, 0, 0, n], 1));
        Endpoint::new(address, address.to_string().parse().unwrap())
    };
    numbers.into_iter().map(endpoint).collect()
}

/// An endpoint with these addresses: IP addresses with a port, or names, which get port 1.
pub(crate) fn endpoint(addresses: &[&str]) -> Endpoint {
    Endpoint {
        addresses: addresses.iter().map(|text| address(text)).collect(),
        ..Endpoint::new(Address::Name("unused".into(), 1), "server.example".parse().unwrap())
    }
}

/// An address as [`endpoint`] takes it.
pub(crate) fn address(text: &str) -> Address {
    text.parse().map_or_else(|_| Address::Name(text.to_owned(), 1), Address::Ip)
}

/// Subchannels for a picker, to the addresses of [`endpoints`].
pub(crate) fn subchannels(numbers: impl IntoIterator<Item = u8>) -> Box<[Arc<Subchannel>]> {
    let mut controller = FakeController::default();
    let mut make = |endpoint: &Endpoint| {
        let address = &endpoint.addresses[0];
        let (trackers, health_checked) = (Vec::new(), false);
        controller.new_subchannel(NewSubchannel { endpoint, address, trackers, health_checked })
    };
    endpoints(numbers).iter().map(&mut make).collect()
}

/// Records what a policy asks for.
#[derive(Debug, Default)]
pub(crate) struct FakeController {
    /// Every subchannel that was made, by its number in order.
    pub(crate) made: BTreeMap<SubchannelId, Arc<Subchannel>>,
    /// Those of them that are to have their health checked.
    pub(crate) health_checked: Vec<SubchannelId>,
    /// Who is told of the calls of each.
    pub(crate) trackers: BTreeMap<SubchannelId, Vec<Arc<dyn CallTracker>>>,
    pub(crate) resolutions: usize,
}

impl Controller for FakeController {
    fn new_subchannel(&mut self, new: NewSubchannel<'_>) -> Arc<Subchannel> {
        let id = SubchannelId(self.made.len() as u64);
        self.trackers.insert(id, new.trackers.clone());
        let made = Arc::new(Subchannel::new(
            id,
            new.address.clone(),
            new.endpoint.authority.clone(),
            new.trackers,
            Arc::default(),
        ));
        if new.health_checked {
            self.health_checked.push(id);
        }
        self.made.insert(id, made.clone());
        made
    }

    fn request_resolution(&mut self) {
        self.resolutions += 1;
    }
}

impl FakeController {
    /// The newest subchannel to an address that is not shut down.
    pub(crate) fn subchannel(&self, address: &Address) -> Arc<Subchannel> {
        let mut of_address = self.made.values().rev().filter(|made| made.address() == address);
        of_address.find(|made| !made.is_shut_down()).expect("no such subchannel").clone()
    }

    /// Those that were asked to connect since this was last called, in order of their making.
    pub(crate) fn connects(&self) -> Vec<SubchannelId> {
        let asked = self.made.values().filter(|made| made.take_connect());
        asked.map(|made| made.id()).collect()
    }

    /// The addresses of the subchannels that are not shut down, in order of their making.
    pub(crate) fn live(&self) -> Vec<String> {
        let live = self.made.values().filter(|made| !made.is_shut_down());
        live.map(|made| made.address().to_string()).collect()
    }

    /// As [`connects`](Self::connects), but what they connect to.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.connects().iter().map(|id| self.made[id].address().to_string()).collect()
    }

    /// Brings a subchannel to READY, by way of CONNECTING.
    pub(crate) fn make_ready(&mut self, policy: &mut dyn Policy, id: SubchannelId) {
        policy.subchannel_changed(id, &SubchannelState::Connecting, self);
        policy.subchannel_changed(id, &SubchannelState::Ready, self);
    }

    /// Lets every attempt to connect that was asked for succeed, until there are no more.
    pub(crate) fn connect_all(&mut self, policy: &mut dyn Policy) {
        loop {
            let asked = self.connects();
            if asked.is_empty() {
                return;
            }
            for id in asked {
                self.make_ready(policy, id);
            }
        }
    }

    /// Lets so many calls of a subchannel begin and end.
    pub(crate) fn call(&self, id: SubchannelId, code: Code, times: usize) {
        let end = CallEnd { code, duration: Duration::from_millis(1), load: None };
        for tracker in &self.trackers[&id] {
            for _ in 0..times {
                tracker.started();
                tracker.ended(&end);
            }
        }
    }

    /// Lets one attempt to connect fail.
    pub(crate) fn fail(&mut self, policy: &mut dyn Policy, id: SubchannelId, why: &str) {
        policy.subchannel_changed(id, &SubchannelState::Connecting, self);
        policy.subchannel_changed(id, &SubchannelState::TransientFailure(why.into()), self);
    }
}

/// What one pick says: the address, "queue", "fail: …" or "drop: …".
pub(crate) fn pick(picture: &Picture) -> String {
    pick_with(picture, &HeaderMap::new())
}

/// As [`pick`], for a call with these headers.
pub(crate) fn pick_with(picture: &Picture, headers: &HeaderMap) -> String {
    match picture.picker.pick(&PickArgs { path: "/a.B/C", headers }) {
        Pick::Subchannel(subchannel) => subchannel.address().to_string(),
        Pick::Queue => "queue".into(),
        Pick::Fail(status) => format!("fail: {}", status.message()),
        Pick::Drop(status) => format!("drop: {}", status.message()),
    }
}
