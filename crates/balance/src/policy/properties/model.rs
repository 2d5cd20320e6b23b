//! What a policy has to show: a model that knows what has happened to each address, and nothing of passes, turns and timers.

use std::collections::BTreeSet;

use crate::subchannel::SubchannelId;
use crate::{Address, ConnectivityState};

/// Addresses of which one is used: an endpoint of a policy that spreads calls, or the whole list of `pick_first`.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) addresses: Vec<Address>,
    /// The subchannel with a connection, and whether it is healthy.
    pub(super) connected: Option<(SubchannelId, bool)>,
    /// Nobody has asked for a connection since the last was lost.
    pub(super) idle: bool,
    /// Those that have failed since it last had a connection, or the last list.
    pub(super) failed: BTreeSet<Address>,
    /// Whether it has shown TRANSIENT_FAILURE and had no connection since.
    pub(super) sticky: bool,
    /// Whether a list has come while it was connecting. What is under way then makes the end of the pass depend on the order of events, which this
    /// model does not know: once all have failed, it takes either state.
    pub(super) relisted: bool,
}

impl Group {
    pub(super) fn state(&self) -> ConnectivityState {
        match self.connected {
            Some((_, true)) => ConnectivityState::Ready,
            Some((_, false)) => ConnectivityState::TransientFailure,
            None if self.sticky => ConnectivityState::TransientFailure,
            None if self.idle => ConnectivityState::Idle,
            None => ConnectivityState::Connecting,
        }
    }

    pub(super) fn connected(&mut self, id: SubchannelId, healthy: bool) {
        self.begin();
        self.connected = Some((id, healthy));
    }

    /// Everything that has happened is forgotten.
    pub(super) fn begin(&mut self) {
        *self = Self { addresses: std::mem::take(&mut self.addresses), ..Self::default() };
    }

    pub(super) fn failed(&mut self, address: &Address) {
        self.failed.insert(address.clone());
        self.sticky |= self.all_failed() && !self.relisted;
    }

    pub(super) fn all_failed(&self) -> bool {
        self.addresses.iter().all(|address| self.failed.contains(address))
    }

    /// What of the list of `pick_first` is new.
    pub(super) fn relist(
        &mut self,
        addresses: Vec<Address>,
        connected: Option<&Address>,
        backoff: BTreeSet<Address>,
    ) {
        let kept = connected.is_none_or(|address| addresses.contains(address));
        let first = std::mem::replace(&mut self.addresses, addresses).is_empty();
        if !kept {
            self.begin();
        } else if self.connected.is_none() && !self.idle {
            self.failed = backoff;
            self.relisted = !first;
        }
    }
}

/// The states of all as one.
pub(super) fn aggregate(groups: &[Group]) -> ConnectivityState {
    use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
    let any = |state| groups.iter().any(|group| group.state() == state);
    match () {
        () if any(Ready) => Ready,
        () if any(Connecting) || any(Idle) => Connecting,
        () => TransientFailure,
    }
}
