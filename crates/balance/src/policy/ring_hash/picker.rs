//! Where on the ring a call goes.

use std::sync::Arc;

use http::HeaderName;
use tonic::Status;
use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::ring::Ring;
use crate::Subchannel;
use crate::policy::{Pick, PickArgs, Picker};

/// The state of one endpoint, as it was when the picker was made.
#[derive(Debug)]
pub(super) enum Place {
    Ready(Arc<Subchannel>),
    Connecting,
    /// With what to ask to connect.
    Idle(Arc<Subchannel>),
    Failed(Status),
}

/// Picks by hash.
#[derive(Debug)]
pub(super) struct RingHashPicker {
    ring: Arc<Ring>,
    places: Box<[Place]>,
    header: Option<HeaderName>,
    connecting: bool,
    all_failed: bool,
}

impl RingHashPicker {
    /// The places are those of the endpoints that the ring was made of, in the same order.
    pub(super) fn new(ring: Arc<Ring>, places: Box<[Place]>, header: Option<HeaderName>) -> Self {
        let connecting = places.iter().any(|place| matches!(place, Place::Connecting));
        let all_failed = places.iter().all(|place| matches!(place, Place::Failed(_)));
        Self { ring, places, header, connecting, all_failed }
    }

    fn places_from(&self, hash: u64) -> impl Iterator<Item = &Place> {
        self.ring.from(hash).map(|index| &self.places[index])
    }

    /// The first that has not failed: it, or nothing until it is connected.
    fn pick_by_hash(&self, hash: u64) -> Option<Pick<'_>> {
        self.places_from(hash).find_map(|place| match place {
            Place::Ready(subchannel) => Some(Pick::Subchannel(subchannel)),
            Place::Connecting => Some(Pick::Queue),
            Place::Idle(subchannel) => {
                subchannel.connect();
                Some(Pick::Queue)
            }
            Place::Failed(_) => None,
        })
    }

    /// The first that is READY. On the way one other is asked to connect, if none is connecting, so that in time calls spread over all.
    fn pick_any(&self, hash: u64) -> Option<Pick<'_>> {
        let mut asked = self.connecting;
        for place in self.places_from(hash) {
            match place {
                Place::Ready(subchannel) => return Some(Pick::Subchannel(subchannel)),
                Place::Idle(subchannel) if !asked => {
                    subchannel.connect();
                    asked = true;
                }
                _ => {}
            }
        }
        asked.then_some(Pick::Queue)
    }

    /// With the reason of the endpoint that the call should have gone to.
    fn fail(&self, hash: u64) -> Pick<'_> {
        match self.places_from(hash).next() {
            Some(Place::Failed(status)) => Pick::Fail(status.clone()),
            _ => Pick::Queue,
        }
    }
}

impl Picker for RingHashPicker {
    fn pick(&self, call: &PickArgs<'_>) -> Pick<'_> {
        let Some(header) = &self.header else {
            return Pick::Fail(Status::internal("ring_hash has no requestHashHeader to hash"));
        };
        let given = hash(header, call);
        let hash = given.unwrap_or_else(|| fastrand::u64(..));
        let picked = match given {
            // Every entry of the ring would be looked at in vain.
            _ if self.all_failed => None,
            Some(hash) => self.pick_by_hash(hash),
            None => self.pick_any(hash),
        };
        picked.unwrap_or_else(|| self.fail(hash))
    }
}

/// The hash of the header's values, joined with commas; `None` when they are empty.
fn hash(header: &HeaderName, call: &PickArgs<'_>) -> Option<u64> {
    let mut values = call.headers.get_all(header).iter().map(|value| value.as_bytes());
    let first = values.next()?;
    let Some(second) = values.next() else {
        return (!first.is_empty()).then(|| xxh64(first, 0));
    };
    let mut hasher = Xxh64::new(0);
    hasher.update(first);
    for value in std::iter::once(second).chain(values) {
        hasher.update(b",");
        hasher.update(value);
    }
    Some(hasher.digest())
}
