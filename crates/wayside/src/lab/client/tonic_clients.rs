//! What one gets from tonic, and what people build of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::Sender;
use tokio::time::Duration;
use tonic::transport::channel::Change;
use tonic::transport::{Channel, Endpoint};

/// How many changes of a list may wait to be taken.
const CHANGES: usize = 64;

/// An endpoint with tonic's defaults.
pub(super) fn endpoint(
    address: SocketAddr,
    keepalive: Option<Duration>,
) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| format!("'{address}' is no address: {error}"))?;
    Ok(match keepalive {
        None => endpoint,
        Some(time) => endpoint
            .http2_keep_alive_interval(time)
            .keep_alive_timeout(time)
            .keep_alive_while_idle(true),
    })
}

/// Tells a balanced channel of servers that it does not know yet.
#[derive(Debug)]
pub(super) struct Grower {
    known: Vec<SocketAddr>,
    keepalive: Option<Duration>,
    changes: Sender<Change<SocketAddr, Endpoint>>,
}

impl Grower {
    /// A balanced channel that can be told of changes.
    pub(super) fn channel(
        addresses: &[SocketAddr],
        keepalive: Option<Duration>,
    ) -> Result<(Channel, Self), String> {
        let (channel, changes) = Channel::balance_channel(CHANGES);
        let mut grower = Self { known: Vec::new(), keepalive, changes };
        grower.grow(addresses)?;
        Ok((channel, grower))
    }

    pub(super) fn grow(&mut self, addresses: &[SocketAddr]) -> Result<(), String> {
        for address in addresses.iter().filter(|address| !self.known.contains(address)) {
            let change = Change::Insert(*address, endpoint(*address, self.keepalive)?);
            self.changes
                .try_send(change)
                .map_err(|error| format!("tonic takes no change: {error}"))?;
        }
        self.known = addresses.to_vec();
        Ok(())
    }
}

/// A counter that says whose turn it is: the simplest thing that balances.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<AtomicUsize>);

impl Turns {
    pub(super) fn next(&self, of: usize) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) % of.max(1)
    }
}
