//! The endpoints, which of them are ejected, and what the child is told of their subchannels.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

use super::Config;
use super::calls::Calls;
use super::sweep::Sweep;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::totals::DetectionMethod;
use crate::{Address, Endpoint, Subchannel};

/// States that the child is to be told.
pub(super) type News = Vec<(SubchannelId, SubchannelState)>;

/// What makes two endpoints the same: the addresses, in whatever order. Source: gRFC A61.
type Key = Arc<[Address]>;

/// Every endpoint that the resolver names.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    records: BTreeMap<Key, Record>,
    owners: HashMap<SubchannelId, Key>,
}

/// One endpoint.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) calls: Arc<Calls>,
    pub(super) ejection: Option<Ejection>,
    /// How many times it was ejected, less the intervals since that it was not. A50's multiplier.
    pub(super) times: u32,
    subchannels: Vec<Tracked>,
}

#[derive(Debug)]
pub(super) struct Ejection {
    pub(super) at: Instant,
    pub(super) why: Arc<str>,
}

/// A subchannel and its own state, whatever the child was told.
#[derive(Debug)]
struct Tracked {
    subchannel: Arc<Subchannel>,
    state: SubchannelState,
}

impl Endpoints {
    /// Takes a new list. What is known of an endpoint stays as long as it is in the list with the same addresses.
    pub(super) fn update(&mut self, endpoints: &[Endpoint]) {
        let mut known = std::mem::take(&mut self.records);
        for endpoint in endpoints {
            let key = key(endpoint);
            let record = known.remove(&key);
            // Nothing, if the endpoint is in the list twice.
            self.records.entry(key).or_insert_with(|| record.unwrap_or_default());
        }
        self.owners.retain(|_, key| self.records.contains_key(key));
    }

    /// Who counts the calls of an endpoint.
    pub(super) fn calls(&self, endpoint: &Endpoint) -> Option<Arc<Calls>> {
        self.records.get(&key(endpoint)).map(|record| record.calls.clone())
    }

    /// The child has made a subchannel to an endpoint.
    pub(super) fn track(&mut self, endpoint: &Endpoint, subchannel: &Arc<Subchannel>) {
        let key = key(endpoint);
        let Some(record) = self.records.get_mut(&key) else { return };
        // Nobody says when one is gone, so they are looked for where they come from.
        for gone in record.subchannels.extract_if(.., |tracked| tracked.subchannel.is_shut_down()) {
            self.owners.remove(&gone.subchannel.id());
        }
        let tracked = Tracked { subchannel: subchannel.clone(), state: SubchannelState::Idle };
        subchannel.set_ejected(record.ejection.as_ref().map(|ejection| &*ejection.why));
        record.subchannels.push(tracked);
        self.owners.insert(subchannel.id(), key);
    }

    /// A subchannel is in a new state. Returns what the child is told of it.
    pub(super) fn changed(&mut self, id: SubchannelId, state: &SubchannelState) -> SubchannelState {
        let record = self.owners.get(&id).and_then(|key| self.records.get_mut(key));
        let Some(record) = record else { return state.clone() };
        let mut subchannels = record.subchannels.iter_mut();
        if let Some(tracked) = subchannels.find(|tracked| tracked.subchannel.id() == id) {
            tracked.state = state.clone();
        }
        record.told(state)
    }

    /// Forgets the calls so far.
    pub(super) fn forget_calls(&self) {
        for record in self.records.values() {
            record.calls.take();
        }
    }

    /// Judges every endpoint by the calls since the last time.
    pub(super) fn sweep(&mut self, config: &Config, now: Instant) -> News {
        Sweep::run(self.records.values_mut().collect(), config, now)
    }

    /// Ends every ejection, as if there had never been one.
    pub(super) fn uneject_all(&mut self) -> News {
        let mut news = News::new();
        for record in self.records.values_mut() {
            record.times = 0;
            record.uneject(&mut news);
        }
        news
    }
}

impl Record {
    /// What the child is told instead of a state. Only of connections that stand: it has to know of those that are lost.
    fn told(&self, state: &SubchannelState) -> SubchannelState {
        match (&self.ejection, state) {
            (Some(ejection), SubchannelState::Ready | SubchannelState::Unhealthy(_)) => {
                SubchannelState::Unhealthy(ejection.why.clone())
            }
            _ => state.clone(),
        }
    }

    /// One of its addresses.
    pub(super) fn address(&self) -> Option<&Address> {
        self.subchannels.first().map(|tracked| tracked.subchannel.address())
    }

    /// Counts an ejection for the channel.
    pub(super) fn count_ejection(&self, method: DetectionMethod) {
        if let Some(tracked) = self.subchannels.first() {
            tracked.subchannel.count_ejection(method);
        }
    }

    pub(super) fn eject(&mut self, ejection: Ejection, news: &mut News) {
        for tracked in &self.subchannels {
            tracked.subchannel.set_ejected(Some(&ejection.why));
        }
        self.ejection = Some(ejection);
        self.times = self.times.saturating_add(1);
        self.tell(news);
    }

    pub(super) fn uneject(&mut self, news: &mut News) {
        if self.ejection.take().is_some() {
            for tracked in &self.subchannels {
                tracked.subchannel.set_ejected(None);
            }
            self.tell(news);
        }
    }

    /// Tells the child how its subchannels are now, those to which an ejection makes a difference.
    fn tell(&self, news: &mut News) {
        let told = self.subchannels.iter().filter(|tracked| {
            matches!(tracked.state, SubchannelState::Ready | SubchannelState::Unhealthy(_))
                && !tracked.subchannel.is_shut_down()
        });
        news.extend(told.map(|tracked| (tracked.subchannel.id(), self.told(&tracked.state))));
    }
}

fn key(endpoint: &Endpoint) -> Key {
    let mut addresses = endpoint.addresses.clone();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.into()
}
