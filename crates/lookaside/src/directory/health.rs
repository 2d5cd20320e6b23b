//! Asks the endpoints of a service how they are, so that clients are not told of those that say they take no calls, or cannot be reached.
//!
//! Each is asked by a channel with client-side health checks (gRFC A17): a channel to one endpoint is READY as long as that is healthy.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Duration, timeout};
use wayside_balance::{Address, Channel, ConnectivityState, Endpoint};
use wayside_chassis::Setup;

/// The health of the server as a whole, which is what ends when it is told to stop.
const CONFIG: &str =
    r#"{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}"#;
/// How often one that cannot be reached is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Reports that may wait. One that waits holds up its own endpoint only.
const MAX_REPORTS: usize = 64;

/// Which endpoint: by all of its addresses.
type Name = Vec<Address>;

/// The checks of one service.
#[derive(Debug)]
pub(super) struct Checks {
    setup: Setup,
    checked: BTreeMap<Name, Checked>,
    /// Dropped with this, and the tasks with it.
    tasks: JoinSet<()>,
    sender: mpsc::Sender<(Name, bool)>,
    reports: mpsc::Receiver<(Name, bool)>,
}

#[derive(Debug)]
struct Checked {
    task: AbortHandle,
    healthy: bool,
}

impl Checks {
    pub(super) fn new(setup: Setup) -> Self {
        let (sender, reports) = mpsc::channel(MAX_REPORTS);
        Self { setup, checked: BTreeMap::new(), tasks: JoinSet::new(), sender, reports }
    }

    /// Waits for the next report.
    pub(super) async fn reported(&mut self) {
        if let Some((name, healthy)) = self.reports.recv().await
            && let Some(checked) = self.checked.get_mut(&name)
        {
            tracing::info!(endpoint = ?name, healthy, "health");
            checked.healthy = healthy;
        }
    }

    /// Those of a list that are healthy or have not been heard yet; all of them are asked from now on, and no others.
    ///
    /// Where nobody is healthy, all are given: more likely than that is that this balancer cannot reach them.
    pub(super) fn healthy(&mut self, list: &[Endpoint]) -> Vec<Endpoint> {
        self.checked.retain(|name, checked| {
            let stays = list.iter().any(|endpoint| endpoint.addresses == *name);
            if !stays {
                checked.task.abort();
            }
            stays
        });
        for endpoint in list {
            if !self.checked.contains_key(&endpoint.addresses) {
                self.check(endpoint);
            }
        }
        // So that the set does not grow with everybody who has ever been there.
        while self.tasks.try_join_next().is_some() {}
        let is_healthy = |endpoint: &&Endpoint| {
            self.checked.get(&endpoint.addresses).is_none_or(|checked| checked.healthy)
        };
        let healthy: Vec<_> = list.iter().filter(is_healthy).cloned().collect();
        if healthy.is_empty() { list.to_vec() } else { healthy }
    }

    fn check(&mut self, endpoint: &Endpoint) {
        let channel = self
            .setup
            .endpoint_builder(endpoint)
            .and_then(|builder| builder.service_config_json(CONFIG)?.idle_timeout(None).build());
        let name = endpoint.addresses.clone();
        match channel {
            Ok(channel) => {
                let task = self.tasks.spawn(check(channel, name.clone(), self.sender.clone()));
                self.checked.insert(name, Checked { task, healthy: true });
            }
            Err(error) => tracing::warn!(endpoint = ?name, %error, "its health cannot be asked"),
        }
    }
}

/// Asks one endpoint until nobody listens.
async fn check(channel: Channel, name: Name, reports: mpsc::Sender<(Name, bool)>) {
    let (mut states, mut healthy) = (channel.state(), true);
    loop {
        channel.connect();
        let now = match *states.borrow_and_update() {
            ConnectivityState::Ready => true,
            ConnectivityState::TransientFailure => false,
            _ => healthy,
        };
        if now != healthy {
            healthy = now;
            if reports.send((name.clone(), healthy)).await.is_err() {
                return;
            }
        }
        match timeout(RETRY, states.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) if !healthy => channel.reset_connect_backoff(),
            Err(_) => {}
        }
    }
}
