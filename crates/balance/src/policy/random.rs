//! `random`: any READY endpoint, each as likely as the others.
//!
//! Over many calls it spreads them nearly as evenly as `round_robin`, and its picker writes nothing that threads share.

use std::sync::Arc;

use super::spread::{Spread, SpreadPicker};
use super::{Pick, PickArgs, Picker, PolicyConfig};
use crate::service_config::Fields;
use crate::{ServiceConfigError, Subchannel};

/// `random` has no settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config;

impl Config {
    #[expect(clippy::unnecessary_wraps, reason = "the other policies' can fail")]
    pub(crate) fn parse(_: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        Ok(Self)
    }
}

/// The policy.
pub(crate) type Random = Spread<RandomPicker>;

/// Picks with the generator of the thread that it is called on.
#[derive(Debug)]
pub(crate) struct RandomPicker {
    ready: Box<[Arc<Subchannel>]>,
}

impl SpreadPicker for RandomPicker {
    type Config = Config;

    fn config(config: &PolicyConfig) -> Option<&Config> {
        if let PolicyConfig::Random(config) = config { Some(config) } else { None }
    }

    fn among(ready: Box<[Arc<Subchannel>]>, _: &Config) -> Self {
        Self { ready }
    }
}

impl Picker for RandomPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        Pick::Subchannel(&self.ready[fastrand::usize(..self.ready.len())])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::ConnectivityState;
    use crate::policy::PolicyConfig;
    use crate::policy::testing::{FakeController, endpoints, pick};

    #[tokio::test(start_paused = true)]
    async fn each_ready_endpoint_is_as_likely() {
        fastrand::seed(11);
        let config = serde_json::json!({"random": {}});
        let config = PolicyConfig::parse_list(&[(&config, "policy".into())], "policies").unwrap();
        let (mut policy, mut controller) = (config.build(), FakeController::default());
        policy.update(&endpoints(1..=4), &config, &mut controller);
        let ids = controller.connects();
        for id in &ids[..3] {
            controller.make_ready(policy.as_mut(), *id);
        }
        let picture = policy.picture().unwrap();
        assert_eq!(picture.state, ConnectivityState::Ready);
        let mut shares = BTreeMap::new();
        for _ in 0..30_000 {
            *shares.entry(pick(&picture)).or_insert(0) += 1;
        }
        // Four standard deviations of a binomial distribution.
        let even = |share: &i32| (share - 10_000).abs() < 330;
        assert!(shares.len() == 3 && shares.values().all(even), "{shares:?}");
    }
}
