//! Who has registered.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::{Duration, Instant, sleep_until};
use wayside_balance::Endpoint;

use super::lease::Lease;
use super::load::{weigh, worth_telling};
use super::resolver::RegistryResolver;
use crate::Key;

/// The most that may be registered, over all services: a list of so many is what clients are sent at each change.
const MAX_ENDPOINTS: usize = 10_000;

/// The list of one service; `None` while nobody has ever registered.
pub(super) type News = Option<Arc<Vec<Endpoint>>>;

/// Every lease.
#[derive(Debug)]
pub(crate) struct Leases {
    state: Mutex<State>,
    /// An entry has begun to expire.
    expiring: Notify,
    grace: Duration,
}

/// There is no place for another endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_ENDPOINTS} endpoints are registered, which is all there is place for")]
pub(crate) struct Full;

#[derive(Debug, Default)]
struct State {
    groups: HashMap<Key, Group>,
    endpoints: usize,
    last_id: u64,
}

/// The endpoints of one service, in an order that does not change.
#[derive(Debug)]
struct Group {
    members: BTreeMap<SocketAddr, Member>,
    news: watch::Sender<News>,
}

#[derive(Debug)]
struct Member {
    id: u64,
    endpoint: Endpoint,
    weight: Option<f64>,
    /// When it is taken out, once its connection is broken.
    expires: Option<Instant>,
}

impl Leases {
    /// An empty registry that keeps an entry for `grace` when its connection breaks.
    pub(crate) fn new(grace: Duration) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), expiring: Notify::new(), grace })
    }

    /// Every change is made in one step, so a panic elsewhere cannot have left half of it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an endpoint, in place of whoever had its address: a server that comes back is faster than the news that it was gone.
    ///
    /// # Errors
    /// When there is no place.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &Key,
        address: SocketAddr,
        endpoint: Endpoint,
    ) -> Result<Lease, Full> {
        let mut state = self.lock();
        let known = state.groups.get(key).is_some_and(|group| group.members.contains_key(&address));
        if !known && state.endpoints >= MAX_ENDPOINTS {
            return Err(Full);
        }
        state.endpoints += usize::from(!known);
        state.last_id += 1;
        let id = state.last_id;
        let group = state.groups.entry(key.clone()).or_default();
        group.members.insert(address, Member { id, endpoint, weight: None, expires: None });
        group.publish();
        Ok(Lease::new(self.clone(), key.clone(), address, id))
    }

    /// Takes an entry out, unless somebody else has its address by now.
    pub(super) fn leave(&self, key: &Key, address: SocketAddr, id: u64) {
        let mut state = self.lock();
        let Some(group) = state.groups.get_mut(key) else { return };
        if group.members.get(&address).is_none_or(|member| member.id != id) {
            return;
        }
        group.members.remove(&address);
        group.publish();
        state.endpoints -= 1;
        state.forget(key);
    }

    /// Has an entry expire when the grace is over.
    pub(super) fn lose(&self, key: &Key, address: SocketAddr, id: u64) {
        let mut state = self.lock();
        let member = state.groups.get_mut(key).and_then(|group| group.members.get_mut(&address));
        if let Some(member) = member.filter(|member| member.id == id) {
            member.expires = Some(Instant::now() + self.grace);
            self.expiring.notify_one();
        }
    }

    /// Takes a report over.
    pub(super) fn weigh(&self, key: &Key, address: SocketAddr, id: u64, weight: Option<f64>) {
        let mut state = self.lock();
        let Some(group) = state.groups.get_mut(key) else { return };
        if let Some(member) = group.members.get_mut(&address).filter(|member| member.id == id) {
            member.weight = weight;
            group.publish();
        }
    }

    /// What is registered for a service, and whenever that changes.
    pub(crate) fn resolver(self: &Arc<Self>, key: &Key) -> RegistryResolver {
        let news = self.lock().groups.entry(key.clone()).or_default().news.subscribe();
        RegistryResolver::new(self.clone(), key.clone(), news)
    }

    /// Whoever has asked for a service is gone.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().forget(key);
    }

    /// Takes out what expires, for ever.
    pub(crate) async fn sweep(self: Arc<Self>) {
        loop {
            let next = self.expire(Instant::now());
            let due = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.expiring.notified() => {}
            }
        }
    }

    /// Takes out what has expired, and tells when the next does.
    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let (mut gone, mut next, mut changed) = (0, None, Vec::new());
        for (key, group) in &mut state.groups {
            let before = group.members.len();
            group.members.retain(|_, member| member.expires.is_none_or(|at| at > now));
            let expiring = group.members.values().filter_map(|member| member.expires);
            next = next.into_iter().chain(expiring).min();
            if group.members.len() < before {
                gone += before - group.members.len();
                group.publish();
                changed.push(key.clone());
            }
        }
        state.endpoints -= gone;
        changed.iter().for_each(|key| state.forget(key));
        next
    }

    #[cfg(test)]
    pub(super) fn services(&self) -> usize {
        self.lock().groups.len()
    }
}

impl State {
    /// Nothing is kept for a service that has nobody and that nobody asks for.
    fn forget(&mut self, key: &Key) {
        let unused = |group: &Group| group.members.is_empty() && group.news.receiver_count() == 0;
        if self.groups.get(key).is_some_and(unused) {
            self.groups.remove(key);
        }
    }
}

impl Default for Group {
    fn default() -> Self {
        Self { members: BTreeMap::new(), news: watch::Sender::new(None) }
    }
}

impl Group {
    fn publish(&self) {
        let mut list: Vec<_> = self.members.values().map(|one| one.endpoint.clone()).collect();
        let weights: Vec<_> = self.members.values().map(|member| member.weight).collect();
        weigh(&mut list, &weights);
        self.news.send_if_modified(|news| {
            let tell = news.as_ref().is_none_or(|old| worth_telling(old, &list));
            if tell {
                *news = Some(Arc::new(list));
            }
            tell
        });
    }
}
