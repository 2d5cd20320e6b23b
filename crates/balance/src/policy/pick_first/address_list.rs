//! Which addresses are tried, and in which order.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;

use http::uri::Authority;

use crate::{Address, Endpoint};

/// What a connection depends on: with another name of the server it is another connection.
pub(super) type Key<'a> = (&'a Address, &'a Authority);

/// The addresses of all endpoints, each once, in the order in which they are tried.
#[derive(Debug, Default)]
pub(super) struct AddressList {
    endpoints: Vec<Endpoint>,
    shuffled: bool,
    order: Vec<Place>,
}

/// Where an address stands in the resolver's list.
#[derive(Clone, Copy, Debug)]
struct Place {
    endpoint: usize,
    address: usize,
}

impl AddressList {
    /// Shuffles endpoints if asked to, flattens them, and interleaves address families, in this order. Source: gRFC A61.
    ///
    /// The thread's generator of fastrand shuffles, so that a test can seed it.
    pub(super) fn new(endpoints: &[Endpoint], shuffled: bool) -> Self {
        let mut turns: Vec<_> = (0..endpoints.len()).collect();
        if shuffled {
            fastrand::shuffle(&mut turns);
        }
        let places = turns.iter().flat_map(|&endpoint| {
            (0..endpoints[endpoint].addresses.len()).map(move |address| Place { endpoint, address })
        });
        let order: Vec<_> = places.collect();
        let mut list = Self { endpoints: endpoints.to_vec(), shuffled, order: Vec::new() };
        // Below other policies there are many lists, and most have one address.
        list.order = if order.len() > 1 { list.interleave(list.deduplicate(order)) } else { order };
        list
    }

    /// Whether it was made of the same, so that a new one would say nothing new.
    pub(super) fn is_of(&self, endpoints: &[Endpoint], shuffled: bool) -> bool {
        self.shuffled == shuffled && self.endpoints == endpoints
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The address that is tried at this turn, and its endpoint.
    pub(super) fn get(&self, turn: usize) -> (&Endpoint, &Address) {
        let Place { endpoint, address } = self.order[turn];
        (&self.endpoints[endpoint], &self.endpoints[endpoint].addresses[address])
    }

    pub(super) fn key(&self, turn: usize) -> Key<'_> {
        self.key_of(self.order[turn])
    }

    fn key_of(&self, Place { endpoint, address }: Place) -> Key<'_> {
        let endpoint = &self.endpoints[endpoint];
        (&endpoint.addresses[address], &endpoint.authority)
    }

    fn deduplicate(&self, mut order: Vec<Place>) -> Vec<Place> {
        let mut seen = HashSet::with_capacity(order.len());
        order.retain(|place| seen.insert(self.key_of(*place)));
        order
    }

    /// One of each family in turn, beginning with that of the first address, so that a family which does not work costs one attempt and not all
    /// of its own. Source: RFC 8305 section 4, with a First Address Family Count of 1.
    fn interleave(&self, order: Vec<Place>) -> Vec<Place> {
        let count = order.len();
        let mut families: Vec<(Family, VecDeque<Place>)> = Vec::new();
        for place in order {
            let family = Family::of(self.key_of(place).0);
            match families.iter_mut().find(|(known, _)| *known == family) {
                Some((_, places)) => places.push_back(place),
                None => families.push((family, VecDeque::from([place]))),
            }
        }
        let mut interleaved = Vec::with_capacity(count);
        while interleaved.len() < count {
            interleaved.extend(families.iter_mut().filter_map(|(_, places)| places.pop_front()));
        }
        interleaved
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    V4,
    V6,
    /// Names and paths.
    Other,
}

impl Family {
    fn of(address: &Address) -> Self {
        match address {
            Address::Ip(address) => match address.ip().to_canonical() {
                IpAddr::V4(_) => Self::V4,
                IpAddr::V6(_) => Self::V6,
            },
            Address::Name(..) | Address::Unix(_) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::endpoint;

    fn order(list: &AddressList) -> Vec<String> {
        (0..list.len()).map(|turn| list.get(turn).1.to_string()).collect()
    }

    #[test]
    fn addresses_are_flattened_deduplicated_and_interleaved_by_family() {
        let table: [(&[&[&str]], &[&str]); 8] = [
            (&[], &[]),
            (&[&["1.1.1.1:1"]], &["1.1.1.1:1"]),
            (
                &[&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.3:1"]],
                &["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1"],
            ),
            // Each once, where it comes first.
            (
                &[&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.1:1", "1.1.1.2:2"]],
                &["1.1.1.1:1", "1.1.1.2:1", "1.1.1.2:2"],
            ),
            // The family of the first address begins.
            (
                &[&["[1::1]:1", "[1::2]:1", "1.1.1.1:1", "1.1.1.2:1"]],
                &["[1::1]:1", "1.1.1.1:1", "[1::2]:1", "1.1.1.2:1"],
            ),
            // What one family has more than the other comes last; endpoints do not matter.
            (
                &[&["1.1.1.1:1"], &["1.1.1.2:1"], &["1.1.1.3:1"], &["[1::1]:1"]],
                &["1.1.1.1:1", "[1::1]:1", "1.1.1.2:1", "1.1.1.3:1"],
            ),
            // Whatever is no IP address is a third family.
            (
                &[&["a", "b", "[1::1]:1", "[1::2]:1", "1.1.1.1:1"]],
                &["a:1", "[1::1]:1", "1.1.1.1:1", "b:1", "[1::2]:1"],
            ),
            // An IPv4 address in the form of IPv6 goes the way of IPv4.
            (
                &[&["1.1.1.1:1", "[::ffff:1.1.1.2]:1", "[1::1]:1"]],
                &["1.1.1.1:1", "[1::1]:1", "[::ffff:1.1.1.2]:1"],
            ),
        ];
        for (endpoints, expected) in table {
            let endpoints: Vec<_> = endpoints.iter().map(|addresses| endpoint(addresses)).collect();
            assert_eq!(order(&AddressList::new(&endpoints, false)), expected, "{endpoints:?}");
        }
    }

    #[test]
    fn an_address_under_another_name_of_the_server_is_another_connection() {
        let mut endpoints = vec![endpoint(&["a"]), endpoint(&["a"])];
        endpoints[1].authority = "other.example".parse().unwrap();
        assert_eq!(order(&AddressList::new(&endpoints, false)), ["a:1", "a:1"]);
    }

    #[test]
    fn shuffling_moves_endpoints_but_not_the_addresses_within_one() {
        fastrand::seed(7);
        let endpoints: Vec<_> = (b'a'..=b'e')
            .map(|name| endpoint(&[&format!("{0}1", name as char), &format!("{0}2", name as char)]))
            .collect();
        let mut first = [0; 5];
        for _ in 0..1_000 {
            let order = order(&AddressList::new(&endpoints, true));
            for pair in order.chunks(2) {
                assert_eq!(
                    (&pair[0][..1], &pair[0][1..], &pair[1][1..]),
                    (&pair[1][..1], "1:1", "2:1")
                );
            }
            first[usize::from(order[0].as_bytes()[0] - b'a')] += 1;
        }
        assert!(
            first.iter().all(|count| (150..250).contains(count)),
            "each comes first as often: {first:?}"
        );
    }
}
