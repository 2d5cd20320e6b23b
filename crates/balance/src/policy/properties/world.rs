//! A policy, and a channel around it whose connections do what a test says.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderMap;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::time::{Duration, Instant, advance};

use super::model::{Group, aggregate};
use crate::policy::testing::{FakeController, endpoint};
use crate::policy::{Pick, PickArgs, Picture, Policy, PolicyConfig};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Address, ConnectivityState};

/// The endpoints of all lists. No two have an address in common.
const POOL: [&[&str]; 6] =
    [&["a"], &["b"], &["c", "d"], &["1.1.1.1:1", "1.1.1.2:1", "[1::1]:1"], &["e"], &["f", "g"]];

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A list of these endpoints of the pool.
    List(Vec<usize>),
    /// News of one of the subchannels that can have such news.
    News(News, u8),
    /// News of a subchannel that was shut down.
    TooLate(u8),
    /// Time, in milliseconds.
    Wait(u64),
    /// A call, if the policy is IDLE.
    Call,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum News {
    Connecting,
    Ready,
    Unhealthy,
    Failure,
    /// The connection is lost, or the backoff has passed.
    Idle,
}

/// What the channel knows of a subchannel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Connection {
    Idle,
    Asked,
    Connecting,
    Ready,
    Unhealthy,
    Backoff,
}

pub(super) struct World {
    config: PolicyConfig,
    policy: Box<dyn Policy>,
    controller: FakeController,
    connections: BTreeMap<SubchannelId, Connection>,
    /// The last list, by indices into the pool.
    listed: Vec<usize>,
    groups: Vec<Group>,
    picture: Option<Picture>,
}

type Checked = Result<(), TestCaseError>;

impl World {
    pub(super) fn new(config: PolicyConfig) -> Self {
        let policy = config.build();
        let (controller, connections) = (FakeController::default(), BTreeMap::new());
        let (listed, groups) = (Vec::new(), Vec::new());
        Self { config, policy, controller, connections, listed, groups, picture: None }
    }

    /// Whether all addresses are one group.
    fn is_pick_first(&self) -> bool {
        matches!(self.config, PolicyConfig::PickFirst(_))
    }

    pub(super) async fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::List(indices) => self.list(indices),
            Step::News(news, which) => self.news(*news, *which),
            Step::TooLate(which) => {
                let gone: Vec<_> = (self.controller.made.values())
                    .filter(|made| made.is_shut_down())
                    .map(|made| made.id())
                    .collect();
                if let Some(id) = choose(&gone, *which) {
                    self.tell(id, &SubchannelState::Ready);
                }
            }
            Step::Wait(milliseconds) => {
                advance(Duration::from_millis(*milliseconds)).await;
                let now = Instant::now();
                if self.policy.wake_at().is_some_and(|at| at <= now) {
                    self.policy.wake(now, &mut self.controller);
                }
                prop_assert!(self.policy.wake_at().is_none_or(|at| at > now), "it did not wake");
            }
            Step::Call => {
                self.policy.exit_idle(&mut self.controller);
                self.groups.iter_mut().filter(|group| group.idle).for_each(Group::begin);
            }
        }
        self.follow();
        self.check()
    }

    fn list(&mut self, indices: &[usize]) {
        let endpoints: Vec<_> = indices.iter().map(|index| endpoint(POOL[*index])).collect();
        self.policy.update(&endpoints, &self.config, &mut self.controller);
        let mut lists: Vec<Vec<Address>> = Vec::new();
        for endpoint in endpoints {
            if !lists.contains(&endpoint.addresses) {
                lists.push(endpoint.addresses);
            }
        }
        if !self.is_pick_first() {
            let mut old = std::mem::take(&mut self.groups);
            for addresses in lists {
                let known = old.iter().position(|group| group.addresses == addresses);
                let new = || Group { addresses, ..Group::default() };
                self.groups.push(known.map_or_else(new, |known| old.swap_remove(known)));
            }
            return;
        }
        if std::mem::replace(&mut self.listed, indices.to_vec()) == indices {
            return;
        }
        let backoff = self.live(Connection::Backoff).into_iter();
        let backoff: BTreeSet<_> = backoff.map(|id| self.address(id)).collect();
        let mut groups = std::mem::take(&mut self.groups);
        let mut group = groups.pop().unwrap_or_default();
        let connected = group.connected.map(|(id, _)| self.address(id));
        group.relist(lists.concat(), connected.as_ref(), backoff);
        self.groups = vec![group];
    }

    fn news(&mut self, news: News, which: u8) {
        use Connection::{Asked, Backoff, Connecting, Ready, Unhealthy};
        let from: &[Connection] = match news {
            News::Connecting => &[Asked],
            News::Ready => &[Connecting, Unhealthy],
            News::Unhealthy => &[Connecting, Ready],
            News::Failure => &[Connecting],
            News::Idle => &[Connecting, Ready, Unhealthy, Backoff],
        };
        let able: Vec<_> = from.iter().flat_map(|from| self.live(*from)).collect();
        if let Some(id) = choose(&able, which) {
            self.happen(id, news);
        }
    }

    fn happen(&mut self, id: SubchannelId, news: News) {
        use Connection::{Backoff, Connecting, Idle, Ready, Unhealthy};
        let (to, state) = match news {
            News::Connecting => (Connecting, SubchannelState::Connecting),
            News::Ready => (Ready, SubchannelState::Ready),
            News::Unhealthy => (Unhealthy, SubchannelState::Unhealthy("sick".into())),
            News::Failure => (Backoff, SubchannelState::TransientFailure("refused".into())),
            News::Idle => (Idle, SubchannelState::Idle),
        };
        let before = self.connections.insert(id, to);
        let (address, pick_first) = (self.address(id), self.is_pick_first());
        let mut groups = self.groups.iter_mut();
        let group = groups.find(|group| group.addresses.contains(&address)).unwrap();
        match (before, to) {
            (_, Ready) => group.connected(id, true),
            (_, Unhealthy) => group.connected(id, false),
            (Some(Connecting), Backoff | Idle) => group.failed(&address),
            (Some(Ready | Unhealthy), Idle) => {
                group.begin();
                group.idle = pick_first;
            }
            _ => {}
        }
        self.tell(id, &state);
    }

    fn tell(&mut self, id: SubchannelId, state: &SubchannelState) {
        self.policy.subchannel_changed(id, state, &mut self.controller);
    }

    /// Notes which subchannels the policy has made, shut down, and asked to connect.
    fn follow(&mut self) {
        let asked = self.controller.connects();
        for (id, made) in &self.controller.made {
            if made.is_shut_down() {
                self.connections.remove(id);
                continue;
            }
            let connection = self.connections.entry(*id).or_insert(Connection::Idle);
            if asked.contains(id) && *connection == Connection::Idle {
                *connection = Connection::Asked;
            }
        }
    }

    /// The subchannels that are not shut down and are like this.
    fn live(&self, like: Connection) -> Vec<SubchannelId> {
        let live = self.connections.iter().filter(|(_, connection)| **connection == like);
        live.map(|(id, _)| *id).filter(|id| !self.controller.made[id].is_shut_down()).collect()
    }

    fn address(&self, id: SubchannelId) -> Address {
        self.controller.made[&id].address().clone()
    }

    fn check(&mut self) -> Checked {
        if let Some(picture) = self.policy.picture() {
            self.picture = Some(picture);
        }
        let Some(picture) = &self.picture else { return Ok(()) };
        let state = picture.state;
        if self.is_pick_first() {
            for group in &mut self.groups {
                group.sticky |= group.relisted
                    && group.all_failed()
                    && state == ConnectivityState::TransientFailure;
            }
            prop_assert_eq!(
                state,
                self.groups.first().map_or(ConnectivityState::Idle, Group::state)
            );
        } else {
            prop_assert_eq!(state, aggregate(&self.groups));
        }
        self.check_picks()?;
        self.check_subchannels()?;
        self.groups.iter().try_for_each(|group| self.check_progress(group))
    }

    /// READY endpoints are all picked, in turn if it is `round_robin`, and nothing else is.
    fn check_picks(&self) -> Checked {
        let (Some(picture), headers) = (&self.picture, HeaderMap::new()) else { return Ok(()) };
        let ready: BTreeSet<_> = (self.groups.iter())
            .filter_map(|group| group.connected.filter(|(_, healthy)| *healthy))
            .map(|(id, _)| id)
            .collect();
        let rounds = if matches!(self.config, PolicyConfig::Random(_)) { 60 } else { 1 };
        let mut picked = BTreeSet::new();
        for _ in 0..rounds * ready.len().max(1) {
            match picture.picker.pick(&PickArgs { path: "/a.B/C", headers: &headers }) {
                Pick::Subchannel(subchannel) => {
                    prop_assert!(!subchannel.is_shut_down(), "{subchannel:?} is shut down");
                    picked.insert(subchannel.id());
                }
                Pick::Queue => prop_assert!(matches!(
                    picture.state,
                    ConnectivityState::Idle | ConnectivityState::Connecting
                )),
                Pick::Fail(_) => {
                    prop_assert_eq!(picture.state, ConnectivityState::TransientFailure);
                }
                Pick::Drop(status) => prop_assert!(false, "{}", status),
            }
        }
        prop_assert_eq!(picked, ready);
        Ok(())
    }

    /// Every subchannel is of a listed address, the only one of it, and the only one of its endpoint if that is connected; or it is shut down.
    fn check_subchannels(&self) -> Checked {
        let mut live: Vec<_> = self.connections.keys().map(|id| self.address(*id)).collect();
        let listed = |address| self.groups.iter().any(|group| group.addresses.contains(address));
        prop_assert!(live.iter().all(listed), "not all of {:?} are listed", live);
        for group in &self.groups {
            let ids = self.of(group);
            match group.connected {
                Some((id, _)) => prop_assert_eq!(ids, [id]),
                None if group.idle => prop_assert_eq!(ids.len(), 1),
                None => {}
            }
        }
        let count = live.len();
        live.sort();
        live.dedup();
        prop_assert_eq!(live.len(), count, "two subchannels of one address");
        Ok(())
    }

    /// Whoever has no connection and is not idle is on the way to one; after every address has failed, all of them are.
    fn check_progress(&self, group: &Group) -> Checked {
        if group.connected.is_some() || group.idle {
            return Ok(());
        }
        let ids = self.of(group);
        let under_way = |id: &&SubchannelId| self.connections[id] != Connection::Idle;
        let count = ids.iter().filter(under_way).count();
        let wanted = if group.sticky && !group.relisted { group.addresses.len() } else { 1 };
        prop_assert!(count >= wanted, "{} of {} attempts under way: {:?}", count, wanted, group);
        Ok(())
    }

    fn of(&self, group: &Group) -> Vec<SubchannelId> {
        let ids = self.connections.keys().copied();
        ids.filter(|id| group.addresses.contains(&self.address(*id))).collect()
    }

    /// From now on every attempt succeeds and every server is healthy: in the end every endpoint is READY, and nothing is left when it is shut down.
    pub(super) async fn recover(&mut self) -> Checked {
        for _ in 0..1_000 {
            if self.groups.iter().all(|group| group.state() == ConnectivityState::Ready) {
                self.policy.shut_down();
                prop_assert_eq!(self.controller.live(), Vec::<String>::new());
                return Ok(());
            }
            let next = self.connections.iter().find_map(|(id, connection)| match connection {
                Connection::Asked => Some((*id, News::Connecting)),
                Connection::Connecting | Connection::Unhealthy => Some((*id, News::Ready)),
                Connection::Backoff => Some((*id, News::Idle)),
                Connection::Idle | Connection::Ready => None,
            });
            if let Some((id, news)) = next {
                self.happen(id, news);
                self.follow();
                self.check()?;
            } else {
                self.step(&Step::Call).await?;
                self.step(&Step::Wait(250)).await?;
            }
        }
        prop_assert!(false, "never READY: {:?}", self.groups);
        Ok(())
    }
}

/// One of them, if there are any.
fn choose<T: Copy>(among: &[T], which: u8) -> Option<T> {
    (!among.is_empty()).then(|| among[usize::from(which) % among.len()])
}
