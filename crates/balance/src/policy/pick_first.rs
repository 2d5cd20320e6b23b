//! `pick_first`: one address for all calls, the first that answers.

use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::{Controller, NewSubchannel, Pick, PickArgs, Picker, Picture, Policy, PolicyConfig};
use crate::service_config::Fields;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint, ServiceConfigError, Subchannel};

/// Settings of `pick_first`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    /// Whether addresses are tried in random order. Default false.
    pub(crate) shuffle_address_list: bool,
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        Ok(Self { shuffle_address_list: fields.bool("shuffleAddressList")?.unwrap_or_default() })
    }
}

/// The policy.
#[derive(Debug)]
pub(crate) struct PickFirst {
    subchannels: Vec<Arc<Subchannel>>,
    selected: Option<usize>,
    state: ConnectivityState,
    failure: Option<Arc<str>>,
    changed: bool,
}

impl Default for PickFirst {
    fn default() -> Self {
        Self {
            subchannels: Vec::new(),
            selected: None,
            state: ConnectivityState::Idle,
            failure: None,
            changed: false,
        }
    }
}

impl PickFirst {
    pub(crate) fn state(&self) -> ConnectivityState {
        self.state
    }

    /// The subchannel in use, when READY.
    pub(crate) fn selected(&self) -> Option<&Arc<Subchannel>> {
        self.selected.map(|index| &self.subchannels[index])
    }

    /// Every subchannel that it has now.
    pub(crate) fn subchannels(&self) -> impl Iterator<Item = &Arc<Subchannel>> {
        self.subchannels.iter()
    }

    /// Why it is in TRANSIENT_FAILURE.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

impl Policy for PickFirst {
    fn update(
        &mut self,
        endpoints: &[Endpoint],
        _: &PolicyConfig,
        controller: &mut dyn Controller,
    ) {
        self.shut_down();
        for endpoint in endpoints {
            for address in &endpoint.addresses {
                self.subchannels.push(controller.new_subchannel(NewSubchannel {
                    endpoint,
                    address,
                    trackers: Vec::new(),
                    health_checked: false,
                }));
            }
        }
        self.changed = true;
    }

    fn subchannel_changed(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    ) {
        let Some(index) = self.subchannels.iter().position(|s| s.id() == id) else { return };
        self.changed = true;
        match state {
            SubchannelState::Ready => {
                self.selected = Some(index);
                self.state = ConnectivityState::Ready;
            }
            SubchannelState::Idle => {
                if self.selected == Some(index) {
                    self.selected = None;
                    self.state = ConnectivityState::Idle;
                    controller.request_resolution();
                } else if self.state == ConnectivityState::TransientFailure {
                    self.subchannels[index].connect();
                }
            }
            SubchannelState::Connecting => {
                if self.state == ConnectivityState::Idle {
                    self.state = ConnectivityState::Connecting;
                }
            }
            SubchannelState::Unhealthy(why) | SubchannelState::TransientFailure(why) => {
                self.failure = Some(why.clone());
                self.state = ConnectivityState::TransientFailure;
                controller.request_resolution();
            }
        }
    }

    fn exit_idle(&mut self, _: &mut dyn Controller) {
        if self.state == ConnectivityState::Idle
            && let Some(first) = self.subchannels.first()
        {
            self.state = ConnectivityState::Connecting;
            self.changed = true;
            first.connect();
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        None
    }

    fn picture(&mut self) -> Option<Picture> {
        std::mem::take(&mut self.changed).then(|| match (self.state, self.selected()) {
            (ConnectivityState::Ready, Some(selected)) => Picture {
                state: ConnectivityState::Ready,
                picker: Arc::new(PickFirstPicker(selected.clone())),
            },
            (state, _) => super::queue_or_fail(state, || {
                Status::unavailable(self.failure().unwrap_or("not connected").to_owned())
            }),
        })
    }

    fn shut_down(&mut self) {
        for subchannel in self.subchannels.drain(..) {
            subchannel.shut_down();
        }
        self.selected = None;
        self.state = ConnectivityState::Idle;
    }
}

/// Always the same.
#[derive(Debug)]
struct PickFirstPicker(Arc<Subchannel>);

impl Picker for PickFirstPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        Pick::Subchannel(&self.0)
    }
}
