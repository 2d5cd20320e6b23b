//! The option of whoever asks a look-aside balancer.

use clap::Args;
use tokio::time::Duration;
use wayside_balance::{Channel, ChannelError, Keepalive, Registry, Target};
use wayside_chassis::{Setup, StartError};

/// How often a silent balancer is asked whether it is still there: a little more than servers permit (gRFC A8), so that one that has vanished without a word is noticed.
const KEEPALIVE: Duration = Duration::from_secs(5 * 60 + 30);

/// Where the look-aside balancer is.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct LookasideClientArgs {
    /// Where the look-aside balancer is that targets such as `lookaside:///default/greet:50051` are asked from: all of its replicas, as in `dns:///lookaside:50055`.
    #[arg(long, env = "LOOKASIDE_ADDRESS", value_name = "TARGET", help_heading = "Look-aside")]
    pub lookaside_address: Option<Target>,
}

impl LookasideClientArgs {
    /// The resolvers of every scheme that there is, those of this crate included.
    ///
    /// # Errors
    /// When the balancer cannot be called.
    pub fn resolvers(&self, name: &str, setup: &Setup) -> Result<Registry, StartError> {
        let balancer = self.lookaside_address.as_ref().map(|target| channel(target, setup));
        let balancer = balancer.transpose().map_err(|error| StartError::setup(name, &error))?;
        let mut resolvers = Registry::default();
        super::register(&mut resolvers, balancer);
        Ok(resolvers)
    }
}

/// One connection, to any replica: in another order for each client, so that they spread over the replicas.
fn channel(target: &Target, setup: &Setup) -> Result<Channel, ChannelError> {
    setup
        .channel_builder(target)
        .service_config_json(
            r#"{"loadBalancingConfig": [{"pick_first": {"shuffleAddressList": true}}]}"#,
        )?
        .keepalive(Keepalive::after(KEEPALIVE))
        .idle_timeout(None)
        .build()
}
