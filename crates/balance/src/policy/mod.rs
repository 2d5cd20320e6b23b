//! Policies: which endpoints are connected, and which of them a call goes to.
//!
//! A policy is a state machine without a clock, a task or a socket of its own. The channel tells it what the resolver found and what became of its
//! [subchannels](crate::Subchannel); it makes subchannels, asks them to connect, and answers with a [`Picker`] when asked whether there is a new one.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Address, ConnectivityState, Endpoint, Subchannel};

mod circuit_breaking;
mod config;
mod endpoint_set;
mod least_request;
mod outlier_detection;
mod pick_first;
mod picker;
#[cfg(test)]
mod properties;
mod random;
mod random_subsetting;
mod ring_hash;
mod round_robin;
mod spread;
#[cfg(test)]
pub(crate) mod testing;
mod weighted_round_robin;

pub(crate) use config::PolicyConfig;
pub use picker::{CallEnd, CallTracker, Pick, PickArgs, Picker};
pub(crate) use weighted_round_robin::WeightCounts;
pub use weighted_round_robin::{WEIGHT_BOUNDS, WeightsSnapshot};

/// What calls see of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) state: ConnectivityState,
    pub(crate) picker: Arc<dyn Picker>,
}

/// What a policy can ask of its channel, or of the policy around it.
pub(crate) trait Controller {
    /// Makes a subchannel, idle. It lives until [`Subchannel::shut_down`] is called, which is the duty of the policy that has made it.
    fn new_subchannel(&mut self, new: NewSubchannel<'_>) -> Arc<Subchannel>;

    /// The list of endpoints may be out of date.
    fn request_resolution(&mut self);
}

/// What a subchannel is made of.
pub(crate) struct NewSubchannel<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// One of those of the endpoint.
    pub(crate) address: &'a Address,
    /// Told of every call.
    pub(crate) trackers: Vec<Arc<dyn CallTracker>>,
    /// Whether the server's own word on its health counts (gRFC A17), if the service config asks for it. `pick_first` by itself never does (A61).
    pub(crate) health_checked: bool,
}

/// Decides where calls go. Source: gRPC's load balancing policies, `doc/load-balancing.md`.
pub(crate) trait Policy: Send + fmt::Debug {
    /// A new list of endpoints (never empty), or a new config, or both. What did not change keeps its connections.
    ///
    /// The config is of the kind that this policy is made for: see [`PolicyConfig::same_kind`].
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    );

    /// A subchannel of this policy is in a new state. Subchannels of others, or ones that it has shut down, are not its business.
    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    );

    /// A call came while the policy was IDLE: connect.
    fn exit_idle(&mut self, controller: &mut dyn Controller);

    /// When [`wake`](Self::wake) should be called next.
    fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// Does what is due by now.
    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        let _ = (now, controller);
    }

    /// What calls see from now on; `None` when nothing has changed since it was last asked. Asked once after any number of changes.
    fn picture(&mut self) -> Option<Picture>;

    /// Shuts down every subchannel: the policy is replaced, or the channel goes idle.
    fn shut_down(&mut self);
}

/// The picture of a policy that is not READY: calls wait, or fail with its status when it is in TRANSIENT_FAILURE.
pub(crate) fn queue_or_fail(state: ConnectivityState, failure: impl FnOnce() -> Status) -> Picture {
    let picker: Arc<dyn Picker> = match state {
        ConnectivityState::TransientFailure => Arc::new(Failing(failure())),
        _ => Arc::new(Queueing),
    };
    Picture { state, picker }
}

/// Every call waits for the next picker.
#[derive(Debug)]
pub(crate) struct Queueing;

impl Picker for Queueing {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        Pick::Queue
    }
}

/// Every call fails, unless it waits for ready.
#[derive(Debug)]
pub(crate) struct Failing(pub(crate) Status);

impl Picker for Failing {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        Pick::Fail(self.0.clone())
    }
}
