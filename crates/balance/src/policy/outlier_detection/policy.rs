//! The policy around the child.

use std::sync::Arc;

use tokio::time::Instant;

use super::Config;
use super::endpoints::{Endpoints, News};
use crate::policy::{Controller, NewSubchannel, Picture, Policy, PolicyConfig};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Endpoint, Subchannel};

/// The policy.
#[derive(Debug)]
pub(crate) struct OutlierDetection {
    child: Box<dyn Policy>,
    config: Config,
    endpoints: Endpoints,
    /// When the interval began that runs, if endpoints are judged.
    began: Option<Instant>,
}

impl OutlierDetection {
    pub(crate) fn new(config: &Config) -> Self {
        let config = config.clone();
        let child = config.child.build();
        Self { child, config, endpoints: Endpoints::default(), began: None }
    }

    /// Lets the child act, and takes note of the subchannels that it makes.
    fn with_child(
        &mut self,
        controller: &mut dyn Controller,
        act: impl FnOnce(&mut dyn Policy, &mut dyn Controller),
    ) {
        let endpoints = &mut self.endpoints;
        act(&mut *self.child, &mut Judged { controller, endpoints });
    }

    fn tell(&mut self, news: News, controller: &mut dyn Controller) {
        self.with_child(controller, |child, controller| {
            for (id, state) in news {
                child.subchannel_changed(id, &state, controller);
            }
        });
    }

    /// When endpoints are judged next; never, if that is too far away for a clock.
    fn sweep_at(&self) -> Option<Instant> {
        self.began?.checked_add(self.config.interval)
    }
}

impl Policy for OutlierDetection {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        config: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        let PolicyConfig::OutlierDetection(config) = config else { return };
        self.config = config.clone();
        self.endpoints.update(endpoints);
        if !config.judges() {
            self.began = None;
            let news = self.endpoints.uneject_all();
            self.tell(news, controller);
        } else if self.began.is_none() {
            // Calls are counted all the time, which is cheaper than to ask whether to; those from before do not count.
            self.endpoints.forget_calls();
            self.began = Some(Instant::now());
        }
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
        let told = self.endpoints.changed(id, state);
        self.with_child(controller, |child, controller| {
            child.subchannel_changed(id, &told, controller);
        });
    }

    fn exit_idle(&mut self, controller: &mut dyn Controller) {
        self.with_child(controller, |child, controller| child.exit_idle(controller));
    }

    fn wake_at(&self) -> Option<Instant> {
        self.sweep_at().into_iter().chain(self.child.wake_at()).min()
    }

    fn wake(&mut self, now: Instant, controller: &mut dyn Controller) {
        if self.sweep_at().is_some_and(|at| at <= now) {
            self.began = Some(now);
            let news = self.endpoints.sweep(&self.config, now);
            self.tell(news, controller);
        }
        if self.child.wake_at().is_some_and(|at| at <= now) {
            self.with_child(controller, |child, controller| child.wake(now, controller));
        }
    }

    fn picture(&mut self) -> Option<Picture> {
        self.child.picture()
    }

    fn shut_down(&mut self) {
        self.child.shut_down();
        self.endpoints = Endpoints::default();
        self.began = None;
    }
}

/// The controller of the child.
struct Judged<'a> {
    controller: &'a mut dyn Controller,
    endpoints: &'a mut Endpoints,
}

impl Controller for Judged<'_> {
    fn new_subchannel(&mut self, mut new: NewSubchannel<'_>) -> Arc<Subchannel> {
        // The same that have their health checked: `pick_first` by itself has no other endpoint to turn to.
        let calls = self.endpoints.calls(new.endpoint).filter(|_| new.health_checked);
        let Some(calls) = calls else { return self.controller.new_subchannel(new) };
        new.trackers.push(calls);
        let endpoint = new.endpoint;
        let made = self.controller.new_subchannel(new);
        self.endpoints.track(endpoint, &made);
        made
    }

    fn request_resolution(&mut self) {
        self.controller.request_resolution();
    }
}
