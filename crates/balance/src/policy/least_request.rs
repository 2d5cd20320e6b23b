//! `least_request`: of a few READY endpoints, drawn at random, the one with the fewest calls in flight. Source: gRFC A48.

use std::sync::Arc;

use super::spread::{Spread, SpreadPicker};
use super::{Pick, PickArgs, Picker, PolicyConfig};
use crate::service_config::Fields;
use crate::{ServiceConfigError, Subchannel};

/// Settings of `least_request`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// How many endpoints are drawn for a call, from 2 to 10. Default 2.
    pub(crate) choice_count: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { choice_count: 2 }
    }
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        match fields.u32("choiceCount")? {
            None => Ok(Self::default()),
            Some(0 | 1) => Err(fields.invalid("choiceCount", "is less than 2")),
            Some(count) => Ok(Self { choice_count: count.min(10) }),
        }
    }
}

/// The policy.
pub(crate) type LeastRequest = Spread<LeastRequestPicker>;

/// The least of a few. There is at least one to draw from.
#[derive(Debug)]
pub(crate) struct LeastRequestPicker {
    ready: Box<[Arc<Subchannel>]>,
    choice_count: u32,
}

impl SpreadPicker for LeastRequestPicker {
    type Config = Config;

    fn config(config: &PolicyConfig) -> Option<&Config> {
        if let PolicyConfig::LeastRequest(config) = config { Some(config) } else { None }
    }

    fn among(ready: Box<[Arc<Subchannel>]>, config: &Config) -> Self {
        Self { ready, choice_count: config.choice_count }
    }
}

impl Picker for LeastRequestPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        // A48 draws with replacement: of three endpoints, one that never answers still gets every ninth call, for which both draws find it. A larger
        // `choiceCount` is what helps: with 3 it is every 27th.
        let draw = || &self.ready[fastrand::usize(..self.ready.len())];
        let mut least = draw();
        let mut calls = least.in_flight();
        for _ in 1..self.choice_count {
            let other = draw();
            let others = other.in_flight();
            if others < calls {
                (least, calls) = (other, others);
            }
        }
        Pick::Subchannel(least)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Policy;
    use crate::policy::testing::{FakeController, endpoints, pick};

    fn parse(json: &serde_json::Value) -> Result<Config, ServiceConfigError> {
        Config::parse(&Fields::new(json, "p")?)
    }

    fn policy(choice_count: u32) -> (LeastRequest, FakeController) {
        fastrand::seed(7);
        let (mut policy, mut controller) = (LeastRequest::default(), FakeController::default());
        let config = PolicyConfig::LeastRequest(Config { choice_count });
        policy.update(&endpoints(1..=3), &config, &mut controller);
        (policy, controller)
    }

    #[test]
    fn choice_count_is_2_unless_given_and_within_2_and_10() {
        for (json, expected) in [
            (json!({}), Ok(2)),
            (json!({"choiceCount": 2}), Ok(2)),
            (json!({"choiceCount": 10}), Ok(10)),
            (json!({"choiceCount": 11}), Ok(10)),
            (json!({"choiceCount": 4_294_967_295_u32}), Ok(10)),
            (json!({"choiceCount": 1}), Err("p.choiceCount")),
            (json!({"choiceCount": 0}), Err("p.choiceCount")),
            (json!({"choiceCount": -1}), Err("p.choiceCount")),
        ] {
            let parsed = parse(&json);
            let got = parsed.as_ref().map(|config| config.choice_count).map_err(|e| e.field());
            assert_eq!(got, expected, "{json}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_ready_endpoints_are_picked() {
        let (mut policy, mut controller) = policy(10);
        assert_eq!(pick(&policy.picture().unwrap()), "queue");
        let ids = controller.connects();
        assert_eq!(ids.len(), 3, "every endpoint is connected from the start");
        controller.make_ready(&mut policy, ids[0]);
        controller.make_ready(&mut policy, ids[1]);
        controller.fail(&mut policy, ids[2], "refused");
        let picture = policy.picture().unwrap();
        let busy = controller.made[&ids[0]].clone();
        for _ in 0..1000 {
            busy.calls().add();
            assert_ne!(pick(&picture), "10.0.0.3:1", "it has no calls, but is not READY");
        }
        assert!(policy.picture().is_none(), "nothing has changed");
        let config = PolicyConfig::LeastRequest(Config { choice_count: 10 });
        policy.update(&endpoints(1..=3), &config, &mut controller);
        assert!(policy.picture().is_none(), "nothing has changed");
        let config = PolicyConfig::LeastRequest(Config { choice_count: 3 });
        policy.update(&endpoints(1..=3), &config, &mut controller);
        assert!(format!("{:?}", policy.picture().unwrap()).contains("choice_count: 3"));
    }

    /// What each of the three gets of so many calls, each of which lasts as many further calls as its endpoint takes.
    fn shares(choice_count: u32, lasts: [usize; 3]) -> [f64; 3] {
        const CALLS: usize = 90_000;
        let (mut policy, mut controller) = policy(choice_count);
        controller.connect_all(&mut policy);
        let picture = policy.picture().unwrap();
        let made: Vec<_> = controller.made.values().cloned().collect();
        let (mut got, mut ends) = ([0_u32; 3], vec![Vec::new(); CALLS]);
        for call in 0..CALLS {
            for over in std::mem::take(&mut ends[call]) {
                let over: usize = over;
                made[over].calls().remove();
            }
            let address = pick(&picture);
            let picked = made.iter().position(|made| made.address().to_string() == address);
            let picked = picked.unwrap();
            made[picked].calls().add();
            got[picked] += 1;
            if let Some(ends) = ends.get_mut(call + lasts[picked]) {
                ends.push(picked);
            }
        }
        got.map(|got| f64::from(got) / CALLS as f64)
    }

    #[test]
    fn equal_endpoints_get_equal_shares() {
        for share in shares(2, [6, 6, 6]) {
            assert!((share - 1.0 / 3.0).abs() < 0.01, "{share}");
        }
    }

    #[test]
    fn a_slow_endpoint_gets_few_calls_and_one_that_never_answers_the_least_that_draws_allow() {
        let never = usize::MAX / 2;
        // With replacement, every draw finds the same endpoint in one of 3 ^ choiceCount picks.
        for (choice_count, least) in [(2, 1.0 / 9.0), (3, 1.0 / 27.0), (10, 0.0)] {
            let [_, _, frozen] = shares(choice_count, [6, 6, never]);
            assert!((frozen - least).abs() < 0.005, "{frozen} for {choice_count}");
        }
        // Ten times as slow: far below its third, and never below what draws allow.
        let [_, _, slow] = shares(2, [6, 6, 60]);
        assert!((0.11..0.15).contains(&slow), "{slow}");
        let [_, _, slow] = shares(10, [6, 6, 60]);
        // As many calls in flight as the others is a 21st of the calls.
        assert!((slow - 1.0 / 21.0).abs() < 0.005, "{slow}");
    }

    #[test]
    fn of_equals_the_first_that_is_drawn_wins() {
        let (mut policy, mut controller) = policy(10);
        controller.connect_all(&mut policy);
        let picture = policy.picture().unwrap();
        let made: Vec<_> = controller.made.values().cloned().collect();
        for seed in 0..100 {
            fastrand::seed(seed);
            let first = made[fastrand::usize(..3)].address().to_string();
            fastrand::seed(seed);
            assert_eq!(pick(&picture), first, "seed {seed}");
        }
    }
}
