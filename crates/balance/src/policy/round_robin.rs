//! `round_robin`: every READY endpoint in turn.

use std::sync::Arc;

use super::spread::{Spread, SpreadPicker};
use super::{Pick, PickArgs, Picker, PolicyConfig};
use crate::lock_free::Turns;
use crate::service_config::Fields;
use crate::{ServiceConfigError, Subchannel};

/// `round_robin` has no settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config;

impl Config {
    #[expect(clippy::unnecessary_wraps, reason = "the other policies' can fail")]
    pub(crate) fn parse(_: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        Ok(Self)
    }
}

/// The policy.
pub(crate) type RoundRobin = Spread<RoundRobinPicker>;

/// One after the other, from a random one on, so that many clients do not begin with the same.
#[derive(Debug)]
pub(crate) struct RoundRobinPicker {
    ready: Box<[Arc<Subchannel>]>,
    turns: Turns,
    /// Where the counter starts again: a multiple of the number of subchannels, as 2^64 seldom is, so that no turn is lost or taken twice. Half of what
    /// the counter can hold is left to calls that come before it is set back.
    lap: usize,
}

impl RoundRobinPicker {
    /// Picks among these; there has to be one.
    pub(crate) fn new(ready: Box<[Arc<Subchannel>]>) -> Self {
        let count = ready.len().max(1);
        let turns = Turns::starting_at(fastrand::usize(..count));
        Self { ready, turns, lap: usize::MAX / 2 / count * count }
    }
}

impl SpreadPicker for RoundRobinPicker {
    type Config = Config;

    fn config(config: &PolicyConfig) -> Option<&Config> {
        if let PolicyConfig::RoundRobin(config) = config { Some(config) } else { None }
    }

    fn among(ready: Box<[Arc<Subchannel>]>, _: &Config) -> Self {
        Self::new(ready)
    }
}

impl Picker for RoundRobinPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        let turn = self.turns.take_of_lap(self.lap);
        Pick::Subchannel(&self.ready[turn % self.ready.len()])
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::policy::Policy;
    use crate::policy::testing::{FakeController, endpoints, pick, subchannels};

    /// The index of the subchannel that the next call goes to.
    fn turn(picker: &RoundRobinPicker) -> usize {
        let headers = HeaderMap::new();
        let Pick::Subchannel(picked) = picker.pick(&PickArgs { path: "/a.B/C", headers: &headers })
        else {
            panic!("a READY picker always picks")
        };
        picker.ready.iter().position(|ready| ready.id() == picked.id()).unwrap()
    }

    /// Asserts that in every window of these picks each of `count` has its share, or one more.
    fn assert_even(picks: &[usize], count: usize) {
        for start in 0..picks.len() {
            let mut shares = vec![0; count];
            for (length, pick) in picks[start..].iter().enumerate() {
                shares[*pick] += 1;
                let share = (length + 1) / count;
                assert!(
                    shares.iter().all(|had| (share..=share + 1).contains(had)),
                    "{length} picks from {start}: {shares:?}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ready_endpoints_are_picked_in_turn() {
        let (mut policy, mut controller) = (RoundRobin::default(), FakeController::default());
        policy.update(&endpoints(1..=3), &PolicyConfig::RoundRobin(Config), &mut controller);
        assert_eq!(pick(&policy.picture().unwrap()), "queue");
        controller.connect_all(&mut policy);
        let picture = policy.picture().unwrap();
        let picks: Vec<_> = (0..6).map(|_| pick(&picture)).collect();
        let mut window = picks[..3].to_vec();
        window.sort();
        assert_eq!(window, ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]);
        assert_eq!(picks[..3], picks[3..]);
        assert!(policy.picture().is_none(), "nothing has changed");
    }

    #[test]
    fn each_endpoint_has_its_share_of_any_window_of_picks() {
        for count in [1, 2, 3, 7, 10] {
            let picker = RoundRobinPicker::new(subchannels(1..=count));
            let picks: Vec<_> = (0..100).map(|_| turn(&picker)).collect();
            assert_even(&picks, usize::from(count));
        }
    }

    #[test]
    fn the_turn_after_the_last_that_the_counter_holds_is_not_lost() {
        for count in [1, 2, 3, 7, 10] {
            let mut picker = RoundRobinPicker::new(subchannels(1..=count));
            assert!(picker.lap <= usize::MAX / 2 && usize::MAX / 2 - picker.lap < count.into());
            picker.turns = Turns::starting_at(picker.lap - 50);
            let picks: Vec<_> = (0..100).map(|_| turn(&picker)).collect();
            assert_even(&picks, usize::from(count));
            assert_eq!(picker.turns.take(), 50);
        }
    }

    #[test]
    fn no_turn_is_lost_when_threads_pick_while_the_counter_starts_again() {
        const PICKS: usize = 3_000;
        let mut picker = RoundRobinPicker::new(subchannels(1..=3));
        picker.turns = Turns::starting_at(picker.lap - 2 * PICKS);
        let mut shares = [0; 3];
        std::thread::scope(|scope| {
            let pick = || (0..PICKS).map(|_| turn(&picker)).collect::<Vec<_>>();
            let threads = [(); 4].map(|()| scope.spawn(pick));
            for turn in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
                shares[turn] += 1;
            }
        });
        assert_eq!(shares, [4 * PICKS / 3; 3]);
    }

    #[test]
    fn pickers_begin_with_different_endpoints() {
        fastrand::seed(1);
        let first = |_| turn(&RoundRobinPicker::new(subchannels(1..=3)));
        let mut begun: Vec<_> = (0..20).map(first).collect();
        begun.sort_unstable();
        begun.dedup();
        assert_eq!(begun, [0, 1, 2]);
    }
}
