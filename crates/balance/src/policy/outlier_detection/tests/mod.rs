//! What is promised of the policy as a whole: on a paused clock, with `round_robin` inside, as grpc-go's tests have it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, advance};
use tonic::Code;

use crate::Endpoint;
use crate::policy::testing::{FakeController, pick};
use crate::policy::{Pick, PickArgs, Picture, Policy, PolicyConfig};
use crate::subchannel::SubchannelId;

mod endpoints;
mod scenarios;
mod settings;

/// The policy with its settings; `round_robin` is its child unless they say otherwise.
fn config(mut settings: Value) -> PolicyConfig {
    if settings.get("childPolicy").is_none() {
        settings["childPolicy"] = json!([{ "round_robin": {} }]);
    }
    let policy = json!({ "outlier_detection_experimental": settings });
    PolicyConfig::parse_list(&[(&policy, "list[0]".into())], "list").unwrap()
}

/// A policy whose endpoints are all connected.
struct Bench {
    policy: Box<dyn Policy>,
    controller: FakeController,
    picture: Picture,
}

impl Bench {
    fn new(settings: Value, endpoints: &[Endpoint]) -> Self {
        let config = config(settings);
        let (mut policy, mut controller) = (config.build(), FakeController::default());
        policy.update(endpoints, &config, &mut controller);
        policy.exit_idle(&mut controller);
        controller.connect_all(&mut *policy);
        let picture = policy.picture().unwrap();
        Self { policy, controller, picture }
    }

    fn update(&mut self, settings: Value, endpoints: &[Endpoint]) {
        self.policy.update(endpoints, &config(settings), &mut self.controller);
        self.controller.connect_all(&mut *self.policy);
    }

    /// The subchannel that is in use of the endpoint at this place of the resolver's list.
    fn subchannel(&self, endpoint: &Endpoint) -> SubchannelId {
        self.controller.subchannel(&endpoint.addresses[0]).id()
    }

    /// Lets so many calls to an endpoint end.
    fn calls(&self, endpoint: &Endpoint, code: Code, times: usize) {
        self.controller.call(self.subchannel(endpoint), code, times);
    }

    /// Passes the time to the end of the interval, and lets the endpoints be judged.
    async fn end_interval(&mut self) {
        let at = self.policy.wake_at().expect("endpoints are judged");
        assert!(at > Instant::now(), "the interval has ended before");
        advance(at - Instant::now()).await;
        self.policy.wake(at, &mut self.controller);
    }

    /// The addresses that calls go to.
    fn in_use(&mut self) -> BTreeSet<String> {
        if let Some(picture) = self.policy.picture() {
            self.picture = picture;
        }
        (0..256).map(|_| pick(&self.picture)).collect()
    }

    fn is_in_use(&mut self, endpoint: &Endpoint) -> bool {
        self.in_use().contains(&endpoint.addresses[0].to_string())
    }

    /// Passes intervals until an endpoint is in use again. Returns how long that takes.
    async fn time_until_in_use(&mut self, endpoint: &Endpoint) -> Duration {
        let began = Instant::now();
        while !self.is_in_use(endpoint) {
            assert!(began.elapsed() < Duration::from_secs(3600), "ejected for good");
            self.end_interval().await;
        }
        began.elapsed()
    }
}
