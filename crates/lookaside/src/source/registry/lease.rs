//! One registration.

use std::net::SocketAddr;
use std::sync::Arc;

use super::leases::Leases;
use super::load::Load;
use crate::Key;

/// Keeps an endpoint registered. Dropping it is what a broken connection does: the endpoint goes when the grace is over.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Arc<Leases>,
    key: Key,
    address: SocketAddr,
    id: u64,
}

impl Lease {
    pub(super) fn new(leases: Arc<Leases>, key: Key, address: SocketAddr, id: u64) -> Self {
        Self { leases, key, address, id }
    }

    /// Takes a report of the server's load over.
    pub(crate) fn report(&self, load: Load) {
        self.leases.weigh(&self.key, self.address, self.id, load.weight());
    }

    /// Takes the endpoint out now.
    pub(crate) fn end(self) {
        self.leases.leave(&self.key, self.address, self.id);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // After `end` there is nothing that could be lost.
        self.leases.lose(&self.key, self.address, self.id);
    }
}
