//! `random_subsetting_experimental`: each client uses only some of the endpoints, so that many clients do not hold a connection to every server.
//!
//! Which ones is decided by rendezvous hashing: each endpoint gets a number from its address and the client's seed, and those with the lowest are used.
//! So the clients spread evenly, and an endpoint that comes or goes changes at most one place of a client's subset. Source: gRFC A68.

use std::sync::LazyLock;

use tokio::time::Instant;
use xxhash_rust::xxh64::xxh64;

use super::{Controller, Picture, Policy, PolicyConfig};
use crate::service_config::Fields;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Endpoint, ServiceConfigError};

/// One for the process, so that a channel that was idle comes back to the servers that it had.
static SEED: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));

/// Settings of `random_subsetting_experimental`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// How many endpoints to use, at least 1. Required.
    subset_size: usize,
    /// What places calls among them. Required.
    pub(super) child: Box<PolicyConfig>,
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let size = fields.u32("subsetSize")?.filter(|size| *size > 0);
        let size = size.ok_or_else(|| fields.invalid("subsetSize", "is not at least 1"))?;
        Ok(Self {
            subset_size: usize::try_from(size).unwrap_or(usize::MAX),
            child: PolicyConfig::parse_child(fields)?,
        })
    }
}

/// The policy.
#[derive(Debug)]
pub(crate) struct RandomSubsetting {
    child: Box<dyn Policy>,
    seed: u64,
}

impl RandomSubsetting {
    pub(crate) fn new(config: &Config) -> Self {
        Self { child: config.child.build(), seed: *SEED }
    }
}

impl Policy for RandomSubsetting {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        let PolicyConfig::RandomSubsetting(config) = config else { return };
        if endpoints.len() <= config.subset_size {
            self.child.update(endpoints, &config.child, controller);
        } else {
            let subset = subset(endpoints, config.subset_size, self.seed);
            self.child.update(&subset, &config.child, controller);
        }
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        self.child.subchannel_changed(id, state, controller);
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        self.child.exit_idle(controller);
    }

    fn wake_at(&self) -> Option<Instant> {
        self.child.wake_at()
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        self.child.wake(now, controller);
    }

    fn picture(&mut self) -> Option<Picture> {
        self.child.picture()
    }

    fn shut_down(&mut self) {
        self.child.shut_down();
    }
}

/// The endpoints with the lowest hashes, in their order.
fn subset(endpoints: &[Endpoint], size: usize, seed: u64) -> Vec<Endpoint> {
    let mut hashed: Vec<_> =
        endpoints.iter().map(|endpoint| (hash(endpoint, seed), endpoint)).collect();
    // Equal hashes keep the resolver's order, and an endpoint that it names twice takes one place.
    hashed.sort_by_key(|(hash, _)| *hash);
    hashed.dedup_by(|(_, one), (_, other)| one.addresses == other.addresses);
    hashed.into_iter().take(size).map(|(_, endpoint)| endpoint.clone()).collect()
}

/// A68 takes the first address of an endpoint.
fn hash(endpoint: &Endpoint, seed: u64) -> u64 {
    let first = endpoint.addresses.first().map(ToString::to_string).unwrap_or_default();
    xxh64(first.as_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::json;

    use super::*;
    use crate::policy::testing::{FakeController, endpoints, pick};

    fn addresses(endpoints: &[Endpoint]) -> Vec<String> {
        endpoints.iter().map(|endpoint| endpoint.addresses[0].to_string()).collect()
    }

    fn config(subset_size: u32) -> PolicyConfig {
        let settings = json!({ "subsetSize": subset_size, "childPolicy": [{ "round_robin": {} }] });
        let policy = json!({ "random_subsetting_experimental": settings });
        PolicyConfig::parse_list(&[(&policy, "list[0]".into())], "list").unwrap()
    }

    #[test]
    fn a_size_of_at_least_1_and_a_child_are_required() {
        let child = json!([{ "round_robin": {} }]);
        for (settings, field) in [
            (json!({ "childPolicy": child }), "subsetSize"),
            (json!({ "subsetSize": 0, "childPolicy": child }), "subsetSize"),
            (json!({ "subsetSize": -1, "childPolicy": child }), "subsetSize"),
            (json!({ "subsetSize": 3 }), "childPolicy"),
        ] {
            let policy = json!({ "random_subsetting": settings });
            let error =
                PolicyConfig::parse_list(&[(&policy, "list[0]".into())], "list").unwrap_err();
            assert_eq!(error.field(), format!("list[0].random_subsetting.{field}"), "{settings}");
        }
    }

    #[test]
    fn only_the_subset_is_connected_and_it_stays_when_the_policy_is_made_anew() {
        let (all, config) = (endpoints(1..=20), config(3));
        let connected = || {
            let (mut policy, mut controller) = (config.build(), FakeController::default());
            policy.update(&all, &config, &mut controller);
            controller.connect_all(&mut *policy);
            let picture = policy.picture().unwrap();
            let mut picks: Vec<_> = (0..12).map(|_| pick(&picture)).collect();
            picks.sort();
            picks.dedup();
            assert_eq!(controller.made.len(), 3);
            picks
        };
        assert_eq!(connected().len(), 3);
        assert_eq!(connected(), connected());
    }

    #[test]
    fn a_subset_is_in_the_order_of_hashes_and_a_short_list_is_left_as_it_is() {
        let hashes: Vec<_> =
            subset(&endpoints(1..=9), 9, 7).iter().map(|one| hash(one, 7)).collect();
        assert!(hashes.is_sorted());
        assert_eq!(hash(&endpoints([1])[0], 7), xxh64(b"10.0.0.1:1", 7));
        let (config, mut controller) = (config(3), FakeController::default());
        let mut policy = config.build();
        policy.update(&endpoints([3, 1, 2]), &config, &mut controller);
        let made: Vec<_> =
            controller.made.values().map(|made| made.address().to_string()).collect();
        assert_eq!(made, ["10.0.0.3:1", "10.0.0.1:1", "10.0.0.2:1"]);
    }

    /// A68's example: 2000 clients with 5 of 10 servers each.
    #[test]
    fn many_clients_spread_evenly() {
        let servers = endpoints(1..=10);
        let mut clients: HashMap<_, u32> = HashMap::new();
        let mut seeds = fastrand::Rng::with_seed(68);
        for _ in 0..2000 {
            for server in addresses(&subset(&servers, 5, seeds.u64(..))) {
                *clients.entry(server).or_default() += 1;
            }
        }
        assert_eq!(clients.len(), 10);
        // 1000 each on average, with a deviation of sqrt(2000 * 0.5 * 0.5) = 22.4: four of those.
        assert!(clients.values().all(|clients| (911..=1089).contains(clients)), "{clients:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(68),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn a_change_of_one_endpoint_changes_one_place_at_most(
            numbers in proptest::collection::btree_set(any::<u8>(), 2..60),
            place in any::<prop::sample::Index>(),
            size in 1_usize..20,
            seed: u64,
        ) {
            let all = endpoints(numbers);
            let mut fewer = all.clone();
            let changed = addresses(&[fewer.remove(place.index(all.len()))]).remove(0);
            let (with, without) = (subset(&all, size, seed), subset(&fewer, size, seed));
            let (with, without) = (addresses(&with), addresses(&without));
            prop_assert_eq!(with.len(), size.min(all.len()));
            let lost: Vec<_> = with.iter().filter(|one| !without.contains(one)).collect();
            let gained = without.iter().filter(|one| !with.contains(one)).count();
            if with.contains(&changed) {
                prop_assert_eq!(lost, [&changed]);
                prop_assert!(gained <= 1);
            } else {
                prop_assert_eq!(with, without);
            }
        }

        #[test]
        fn the_order_of_the_list_and_what_it_says_twice_do_not_matter(
            numbers in proptest::collection::btree_set(any::<u8>(), 1..40),
            size in 1_usize..20,
            seed: u64,
        ) {
            let all = endpoints(numbers);
            let reversed: Vec<_> = all.iter().rev().cloned().collect();
            let twice = [all.clone(), reversed.clone()].concat();
            let expected = addresses(&subset(&all, size, seed));
            prop_assert_eq!(&addresses(&subset(&reversed, size, seed)), &expected);
            prop_assert_eq!(&addresses(&subset(&twice, size, seed)), &expected);
        }
    }
}
