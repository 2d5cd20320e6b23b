//! The ring: where on the circle of all hashes every endpoint stands, many times over.

use std::fmt::Write as _;

use xxhash_rust::xxh64::xxh64;

use super::Config;
use crate::Endpoint;

/// Entries in the order of their hashes. The two lists of them go together; apart, a search reads less memory.
#[derive(Debug)]
pub(super) struct Ring {
    hashes: Box<[u64]>,
    /// Which endpoint each entry stands for, by its place in the list that the ring was made of.
    endpoints: Box<[u32]>,
    /// Where the entries begin whose hashes have the same first bits, for each such prefix. Hashes are even over the circle, so about one entry is left to
    /// search, where halving the whole ring would take ten steps or more: 17 ns of the 40 that a pick took.
    prefixes: Box<[u32]>,
    /// What leaves the prefix of a hash.
    shift: u32,
}

/// What places an endpoint, and how often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    key: String,
    weight: u32,
}

impl Member {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let explicit = endpoint.hash_key.as_ref().filter(|key| !key.is_empty());
        let first = || endpoint.addresses.first().map(ToString::to_string).unwrap_or_default();
        // A weight of 0 would take the endpoint off the ring, and the least weight has to be above 0 below.
        Self { key: explicit.cloned().unwrap_or_else(first), weight: endpoint.weight.max(1) }
    }
}

impl Ring {
    /// Makes the ring of these. It does not depend on their order.
    ///
    /// It is the smallest of at least `min_ring_size` entries on which the endpoint with the least weight has a whole number of them, if that is not too large.
    #[expect(clippy::cast_precision_loss, reason = "sums of 32-bit weights of far fewer than 2^21")]
    pub(super) fn new(members: &[Member], config: &Config) -> Self {
        let min_size = f64::from(config.min_ring_size);
        // The other is not larger than this one, so that capping this one is enough.
        let max_size = f64::from(config.max_ring_size.min(config.ring_size_cap));
        let sum = members.iter().map(|member| u64::from(member.weight)).sum::<u64>() as f64;
        let share = |member: &Member| f64::from(member.weight) / sum;
        let least = members.iter().map(share).fold(1.0, f64::min);
        let scale = ((least * min_size).ceil() / least).min(max_size);

        let mut order: Vec<_> = (0_u32..).zip(members).collect();
        order.sort_by_key(|(_, member)| *member);
        let mut entries = Vec::new();
        let mut text = String::new();
        // The shares are not whole numbers of entries; a running sum gives each endpoint one more or less, and the ring its size.
        let mut target = 0.0;
        for (index, member) in order {
            target += scale * share(member);
            for number in 0.. {
                if entries.len() as f64 >= target {
                    break;
                }
                text.clear();
                let _ = write!(text, "{}_{number}", member.key);
                entries.push((xxh64(text.as_bytes(), 0), index));
            }
        }
        // Stable: endpoints whose hashes are the same stay in the order of their keys.
        entries.sort_by_key(|(hash, _)| *hash);
        let (hashes, endpoints): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let bits = (usize::BITS - hashes.len().leading_zeros()).max(1);
        let shift = u64::BITS - bits;
        let mut prefixes = vec![0; (1 << bits) + 1];
        for hash in &hashes {
            prefixes[prefix(*hash, shift) + 1] += 1;
        }
        for index in 1..prefixes.len() {
            prefixes[index] += prefixes[index - 1];
        }
        let (hashes, endpoints, prefixes) = (hashes.into(), endpoints.into(), prefixes.into());
        Self { hashes, endpoints, prefixes, shift }
    }

    /// Every entry once, as the endpoint that it stands for, from the first on whose hash is at least this one.
    pub(super) fn from(&self, hash: u64) -> impl Iterator<Item = usize> {
        let prefix = prefix(hash, self.shift);
        let same = self.prefixes[prefix] as usize..self.prefixes[prefix + 1] as usize;
        let first = same.start + self.hashes[same].partition_point(|entry| *entry < hash);
        let (after, before) = (&self.endpoints[first..], &self.endpoints[..first]);
        after.iter().chain(before).map(|endpoint| *endpoint as usize)
    }
}

fn prefix(hash: u64, shift: u32) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "not more bits than the ring's size has")]
    let prefix = (hash >> shift) as usize;
    prefix
}
