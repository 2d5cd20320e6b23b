//! `circuit_breaking`: no more than so many calls at a time; those above fail at once instead of making an overload worse.
//!
//! The name of the policy is ours: gRPC has it only inside of xDS, where it counts for a cluster. Here it counts for the channel.
//! Source: gRFC A32.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;
use tonic::Status;

use super::{
    CallEnd, CallTracker, Controller, NewSubchannel, Pick, PickArgs, Picker, Picture, Policy,
    PolicyConfig,
};
use crate::service_config::Fields;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Endpoint, ServiceConfigError, Subchannel};

const DEFAULT_MAX_CONCURRENT_REQUESTS: u32 = 1024;

/// Settings of `circuit_breaking`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// How many calls may be under way at a time; with 0 all fail. Default 1024.
    max_concurrent_requests: u32,
    /// What places the calls that are let through. Required.
    pub(super) child: Box<PolicyConfig>,
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let max = fields.u32("maxConcurrentRequests")?;
        Ok(Self {
            max_concurrent_requests: max.unwrap_or(DEFAULT_MAX_CONCURRENT_REQUESTS),
            child: PolicyConfig::parse_child(fields)?,
        })
    }
}

/// The policy.
#[derive(Debug)]
pub(crate) struct CircuitBreaking {
    child: Box<dyn Policy>,
    limit: Arc<Limit>,
}

impl CircuitBreaking {
    pub(crate) fn new(config: &Config) -> Self {
        let max = AtomicU32::new(config.max_concurrent_requests);
        let limit = Arc::new(Limit { max, under_way: AtomicU32::new(0) });
        Self { child: config.child.build(), limit }
    }

    /// Lets the child act, and has the calls of the subchannels that it makes counted.
    fn with_child(
        &mut self,
        controller: &mut dyn Controller,
        act: impl FnOnce(&mut dyn Policy, &mut dyn Controller),
    ) {
        act(&mut *self.child, &mut Counted { controller, limit: &self.limit });
    }
}

impl Policy for CircuitBreaking {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        let PolicyConfig::CircuitBreaking(config) = config else { return };
        self.limit.max.store(config.max_concurrent_requests, Ordering::Relaxed);
        self.with_child(controller, |child, controller| {
            child.update(endpoints, &config.child, controller);
        });
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        self.with_child(controller, |child, controller| {
            child.subchannel_changed(id, state, controller);
        });
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        self.with_child(controller, |child, controller| child.exit_idle(controller));
    }

    fn wake_at(&self) -> Option<Instant> {
        self.child.wake_at()
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        self.with_child(controller, |child, controller| child.wake(now, controller));
    }

    fn picture(&mut self) -> Option<Picture> {
        let Picture { state, picker } = self.child.picture()?;
        let limit = self.limit.clone();
        Some(Picture { state, picker: Arc::new(Breaker { inner: picker, limit }) })
    }

    fn shut_down(&mut self) {
        self.child.shut_down();
    }
}

/// The calls under way, of every picker that the policy has made.
#[derive(Debug)]
struct Limit {
    max: AtomicU32,
    under_way: AtomicU32,
}

impl Limit {
    /// Counts a call in, if there is room. Never more than there is, not even for a moment: whoever looked then would fail without need.
    fn acquire(&self) -> Result<(), u32> {
        let max = self.max.load(Ordering::Relaxed);
        let one_more = |under_way: u32| (under_way < max).then(|| under_way + 1);
        let counted = self.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        counted.map(|_| ()).map_err(|_| max)
    }

    fn release(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CallTracker for Limit {
    fn returned(&self) {
        self.release();
    }

    fn ended(&self, _: &CallEnd<'_>) {
        self.release();
    }
}

/// Asks the child's picker, if there is room for a call.
#[derive(Debug)]
struct Breaker {
    inner: Arc<dyn Picker>,
    limit: Arc<Limit>,
}

impl Picker for Breaker {
    fn pick(&self, call: &PickArgs<'_>) -> Pick<'_> {
        // Before the child is asked: a subchannel that it has answered with may not be thrown away, for others have counted the call as well.
        if let Err(max) = self.limit.acquire() {
            return Pick::Drop(Status::unavailable(format!(
                "circuit breaking: maxConcurrentRequests lets {max} calls be under way at a time"
            )));
        }
        let pick = self.inner.pick(call);
        if !matches!(pick, Pick::Subchannel(_)) {
            self.limit.release();
        }
        pick
    }
}

/// The controller of the child.
struct Counted<'a> {
    controller: &'a mut dyn Controller,
    limit: &'a Arc<Limit>,
}

impl Controller for Counted<'_> {
    fn new_subchannel(&mut self, mut new: NewSubchannel<'_>) -> Arc<Subchannel> {
        new.trackers.push(self.limit.clone());
        self.controller.new_subchannel(new)
    }

    fn request_resolution(&mut self) {
        self.controller.request_resolution();
    }
}

#[cfg(test)]
mod tests;
