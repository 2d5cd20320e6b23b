//! The endpoints of a service as clients are told of them.

use std::net::IpAddr;

use bytes::Bytes;
use prost::Message;
use wayside_balance::{Address, Endpoint};
use wayside_proto::lookaside::v1::{Endpoint as Told, WatchEndpointsResponse};

/// A list that is not empty, made once and shared by all who ask.
#[derive(Debug, PartialEq)]
pub(crate) struct List {
    endpoints: Vec<Endpoint>,
    /// The first address of each that has one.
    addresses: Vec<String>,
    /// The message for whoever watches, encoded once for all of them.
    message: Bytes,
    /// Where the share of each endpoint ends, of the sum of all weights.
    ends: Vec<u64>,
}

impl List {
    /// `None` when there is nobody in it whom another machine could call.
    pub(crate) fn new(endpoints: &[Endpoint]) -> Option<Self> {
        let told = endpoints.iter().map(told).filter(|told| !told.addresses.is_empty());
        let message = WatchEndpointsResponse { endpoints: told.collect(), reason: String::new() };
        let weights = message.endpoints.iter().map(|told| u64::from(told.weight));
        let ends = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        let list = Self {
            endpoints: endpoints.to_vec(),
            addresses: message.endpoints.iter().map(|told| told.addresses[0].clone()).collect(),
            ends: ends.collect(),
            message: message.encode_to_vec().into(),
        };
        (!list.addresses.is_empty()).then_some(list)
    }

    /// What it was made of.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Whether it was made of these.
    pub(super) fn is_of(&self, endpoints: &[Endpoint]) -> bool {
        self.endpoints == endpoints
    }

    /// The message for whoever watches, encoded.
    pub(crate) fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// How many endpoints it has.
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// The address whose turn it is.
    pub(crate) fn in_turn(&self, turn: usize) -> &str {
        &self.addresses[turn % self.addresses.len()]
    }

    /// Any address, those with more weight more often.
    pub(crate) fn at_random(&self) -> &str {
        let sum = self.ends.last().copied().unwrap_or(1);
        let drawn = fastrand::u64(..sum);
        &self.addresses[self.ends.partition_point(|end| *end <= drawn)]
    }
}

fn told(endpoint: &Endpoint) -> Told {
    // A Unix domain socket is nobody's on another machine.
    let reachable = |address: &&Address| !matches!(address, Address::Unix(_));
    let host = endpoint.authority.host();
    let is_name = host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
    Told {
        addresses: endpoint.addresses.iter().filter(reachable).map(ToString::to_string).collect(),
        weight: endpoint.weight.max(1),
        hostname: if is_name { host.to_owned() } else { String::new() },
        zone: endpoint.zone.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn endpoint(address: &str, authority: &str, weight: u32) -> Endpoint {
        let address: std::net::SocketAddr = address.parse().unwrap();
        Endpoint { weight, ..Endpoint::new(address, authority.parse().unwrap()) }
    }

    #[test]
    fn clients_are_told_addresses_with_ports_and_names_that_are_names() {
        let list = List::new(&[
            endpoint("10.0.0.1:1", "greet:1", 0),
            Endpoint { zone: Some("a".into()), ..endpoint("[::1]:2", "[::1]:2", 3) },
        ]);
        let message = WatchEndpointsResponse::decode(list.unwrap().message()).unwrap();
        let told = message.endpoints;
        assert_eq!(told[0].addresses, ["10.0.0.1:1"]);
        assert_eq!((told[0].hostname.as_str(), told[0].weight), ("greet", 1));
        assert_eq!(told[1].addresses, ["[::1]:2"]);
        assert_eq!((told[1].hostname.as_str(), told[1].zone.as_str()), ("", "a"));
    }

    #[test]
    fn sockets_of_one_machine_are_nobodys_on_another() {
        let unix = Endpoint::new(Address::Unix("/run/a".into()), "localhost".parse().unwrap());
        assert!(List::new(std::slice::from_ref(&unix)).is_none());
        assert!(List::new(&[]).is_none());
        let list = List::new(&[unix, endpoint("10.0.0.1:1", "a", 1)]).unwrap();
        assert_eq!(list.in_turn(7), "10.0.0.1:1");
    }

    #[test]
    fn turns_go_round_and_chance_follows_the_weights() {
        fastrand::seed(7);
        let list = [("10.0.0.1:1", 1), ("10.0.0.2:1", 2), ("10.0.0.3:1", 1)]
            .map(|(address, weight)| endpoint(address, "a", weight));
        let list = List::new(&list).unwrap();
        let turns: BTreeSet<_> = (0..3).map(|turn| list.in_turn(turn)).collect();
        assert_eq!(turns.len(), 3);
        let mut counts = BTreeMap::new();
        for _ in 0..4000 {
            *counts.entry(list.at_random()).or_insert(0) += 1;
        }
        assert!((900..1100).contains(&counts["10.0.0.1:1"]), "{counts:?}");
        assert!((1850..2150).contains(&counts["10.0.0.2:1"]), "{counts:?}");
    }
}
