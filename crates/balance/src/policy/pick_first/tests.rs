use tokio::time::{Duration, advance};

use super::*;
use crate::policy::testing::{FakeController, address, endpoint, pick};
use crate::policy::{Policy, PolicyConfig};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, Endpoint};

/// The policy, its subchannels and its calls. Addresses are single letters.
#[derive(Default)]
struct Bench {
    policy: PickFirst,
    controller: FakeController,
    picked: String,
}

impl Bench {
    fn new(addresses: &[&str]) -> Self {
        let mut bench = Self::default();
        bench.update(addresses);
        bench
    }

    /// A new list, of endpoints with one address.
    fn update(&mut self, addresses: &[&str]) {
        let endpoints: Vec<_> = addresses.iter().map(|address| endpoint(&[address])).collect();
        self.update_endpoints(&endpoints);
    }

    fn update_endpoints(&mut self, endpoints: &[Endpoint]) {
        let config = PolicyConfig::PickFirst(Config::default());
        self.policy.update(endpoints, &config, &mut self.controller);
    }

    fn id(&self, name: &str) -> SubchannelId {
        self.controller.subchannel(&address(name)).id()
    }

    fn change(&mut self, name: &str, state: SubchannelState) {
        let id = self.id(name);
        self.policy.subchannel_changed(id, &state, &mut self.controller);
    }

    fn connecting(&mut self, name: &str) {
        self.change(name, SubchannelState::Connecting);
    }

    fn ready(&mut self, name: &str) {
        self.change(name, SubchannelState::Ready);
    }

    fn idle(&mut self, name: &str) {
        self.change(name, SubchannelState::Idle);
    }

    /// An attempt fails; the reason is "NAME refuses".
    fn fails(&mut self, name: &str) {
        let id = self.id(name);
        self.controller.fail(&mut self.policy, id, &format!("{name} refuses"));
    }

    /// Lets time pass as the channel does.
    async fn pass(&mut self, milliseconds: u64) {
        advance(Duration::from_millis(milliseconds)).await;
        let now = tokio::time::Instant::now();
        if self.policy.wake_at().is_some_and(|at| at <= now) {
            self.policy.wake(now, &mut self.controller);
        }
    }

    /// What was asked to connect since this was last called.
    fn asked(&self) -> Vec<String> {
        self.controller.asked()
    }

    /// The state, and what becomes of a call.
    fn shows(&mut self) -> (ConnectivityState, String) {
        if let Some(picture) = self.policy.picture() {
            assert_eq!(picture.state, self.policy.state());
            self.picked = pick(&picture);
        }
        (self.policy.state(), self.picked.clone())
    }
}

const NONE: [&str; 0] = [];

fn queues(state: ConnectivityState) -> (ConnectivityState, String) {
    (state, "queue".into())
}

fn fails_with(reason: &str) -> (ConnectivityState, String) {
    let status = format!("fail: no server can be reached: {reason}");
    (ConnectivityState::TransientFailure, status)
}

fn goes_to(address: &str) -> (ConnectivityState, String) {
    (ConnectivityState::Ready, address.into())
}

use ConnectivityState::{Connecting, Idle};

#[tokio::test(start_paused = true)]
async fn the_first_list_connects_to_its_first_address() {
    let mut bench = Bench::new(&["a", "b"]);
    assert_eq!(bench.asked(), ["a:1"]);
    assert_eq!(bench.shows(), queues(Connecting));
    assert_eq!(bench.controller.live(), ["a:1"], "no subchannel before its turn");
    assert!(bench.controller.health_checked.is_empty(), "pick_first never checks health (A61)");
}

#[tokio::test(start_paused = true)]
async fn a_lazy_one_waits_until_it_is_wanted() {
    let mut bench = Bench { policy: PickFirst::lazy(), ..Bench::default() };
    bench.update(&["a", "b"]);
    assert_eq!((bench.asked(), bench.shows()), (vec![], queues(Idle)));
    bench.policy.exit_idle(&mut bench.controller);
    assert_eq!((bench.asked(), bench.shows()), (vec!["a:1".into()], queues(Connecting)));
}

#[tokio::test(start_paused = true)]
async fn a_lazy_one_goes_on_when_somebody_else_makes_its_subchannel_connect() {
    let mut bench = Bench { policy: PickFirst::lazy(), ..Bench::default() };
    bench.update(&["a", "b"]);
    bench.connecting("a");
    assert_eq!((bench.asked(), bench.shows()), (vec![], queues(Connecting)));
    bench.pass(250).await;
    assert_eq!(bench.asked(), ["b:1"]);

    let mut bench = Bench { policy: PickFirst::lazy(), ..Bench::default() };
    bench.update(&["a"]);
    bench.change("a", SubchannelState::TransientFailure("a refuses".into()));
    assert_eq!((bench.shows(), bench.controller.resolutions), (fails_with("a refuses"), 1));
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_beside_the_others_every_250_ms() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    assert_eq!(bench.asked(), ["a:1"]);
    bench.connecting("a");
    for (milliseconds, expected) in
        [(249, vec![]), (1, vec!["b:1"]), (249, vec![]), (1, vec!["c:1"])]
    {
        bench.pass(milliseconds).await;
        assert_eq!(bench.asked(), expected, "{milliseconds} ms later");
    }
    assert_eq!(bench.policy.wake_at(), None, "behind the last address there is nobody to try");
    bench.pass(10_000).await;
    assert_eq!(bench.asked(), NONE);
    assert_eq!(bench.controller.live(), ["a:1", "b:1", "c:1"], "earlier attempts go on");
    assert_eq!(bench.shows(), queues(Connecting));
}

#[tokio::test(start_paused = true)]
async fn a_wake_before_its_time_does_nothing() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.asked();
    let at = bench.policy.wake_at().unwrap();
    bench.policy.wake(at - Duration::from_millis(1), &mut bench.controller);
    assert_eq!((bench.asked(), bench.policy.wake_at()), (vec![], Some(at)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_makes_the_next_begin_at_once_and_its_time_begins_then() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    bench.asked();
    bench.pass(200).await;
    bench.fails("a");
    assert_eq!(bench.asked(), ["b:1"]);
    bench.pass(249).await;
    assert_eq!(bench.asked(), NONE);
    bench.pass(1).await;
    assert_eq!(bench.asked(), ["c:1"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_failure_of_the_newest_attempt_makes_the_next_begin() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    bench.pass(250).await;
    assert_eq!(bench.asked(), ["a:1", "b:1"]);
    bench.fails("a");
    assert_eq!(bench.asked(), NONE);
    bench.pass(250).await;
    assert_eq!(bench.asked(), ["c:1"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_that_is_ready_wins_and_the_others_are_shut_down() {
    for winner in ["a", "b"] {
        let mut bench = Bench::new(&["a", "b", "c"]);
        bench.connecting("a");
        bench.pass(250).await;
        bench.connecting("b");
        bench.ready(winner);
        assert_eq!(bench.controller.live(), [format!("{winner}:1")]);
        assert_eq!(bench.shows(), goes_to(&format!("{winner}:1")));
        assert_eq!(bench.policy.wake_at(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_pass_ends_when_every_address_has_failed() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    bench.pass(250).await;
    bench.pass(250).await;
    for name in ["c", "a"] {
        bench.fails(name);
        assert_eq!((bench.shows(), bench.controller.resolutions), (queues(Connecting), 0));
    }
    bench.fails("b");
    assert_eq!((bench.shows(), bench.controller.resolutions), (fails_with("b refuses"), 1));
}

#[tokio::test(start_paused = true)]
async fn addresses_whose_backoff_ends_within_the_pass_connect_again_only_after_it() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.fails("a");
    bench.asked();
    bench.idle("a");
    assert_eq!(bench.asked(), NONE);
    bench.fails("b");
    assert_eq!(bench.asked(), ["a:1"]);
}

#[tokio::test(start_paused = true)]
async fn after_the_pass_every_address_is_tried_again_for_ever_and_the_state_stays() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.fails("a");
    bench.fails("b");
    bench.asked();
    for round in 1..=100 {
        for name in ["b", "a"] {
            bench.idle(name);
            assert_eq!(bench.asked(), [format!("{name}:1")]);
            bench.connecting(name);
            assert_eq!(bench.shows().0, ConnectivityState::TransientFailure, "sticky (A62)");
            bench.fails(name);
        }
        assert_eq!(bench.controller.resolutions, 1 + round);
        assert_eq!(bench.shows(), fails_with("a refuses"));
    }
    bench.idle("b");
    bench.ready("b");
    assert_eq!(bench.shows(), goes_to("b:1"));
    assert_eq!(bench.controller.live(), ["b:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_resolution_is_asked_for_after_as_many_failures_as_there_are_subchannels() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        bench.fails(name);
    }
    // Whichever they are of.
    let resolutions: Vec<_> = (["a", "a", "a", "b", "a", "c"].iter())
        .map(|name| {
            bench.idle(name);
            bench.fails(name);
            bench.controller.resolutions
        })
        .collect();
    assert_eq!(resolutions, [1, 1, 2, 2, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_makes_it_idle_until_it_is_wanted_again() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.fails("a");
    bench.ready("b");
    bench.asked();
    bench.idle("b");
    assert_eq!((bench.shows(), bench.controller.resolutions), (queues(Idle), 1));
    bench.pass(3_600_000).await;
    assert_eq!((bench.asked(), bench.shows()), (vec![], queues(Idle)));
    bench.policy.exit_idle(&mut bench.controller);
    assert_eq!(bench.asked(), ["a:1"], "it begins with the first address");
    bench.fails("a");
    assert_eq!(bench.asked(), ["b:1"]);
    assert_eq!(bench.shows(), queues(Connecting));
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_before_it_was_ready_has_failed() {
    let mut bench = Bench::new(&["a", "b"]);
    for name in ["a", "b"] {
        assert_eq!(bench.asked(), [format!("{name}:1")]);
        bench.connecting(name);
        bench.idle(name);
    }
    assert_eq!(bench.shows(), fails_with("the connection was lost before it could be used"));
    assert_eq!(bench.asked(), ["a:1", "b:1"], "neither is in backoff");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_which_only_the_end_was_told_is_made_again() {
    let mut bench = Bench::new(&["a"]);
    assert_eq!(bench.asked(), ["a:1"]);
    bench.idle("a");
    assert_eq!((bench.asked(), bench.shows()), (vec!["a:1".into()], queues(Connecting)));
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_server_keeps_its_connection_and_gets_no_calls() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.connecting("a");
    bench.pass(250).await;
    bench.change("a", SubchannelState::Unhealthy("not serving".into()));
    assert_eq!(bench.controller.live(), ["a:1"], "a connection wins whatever the server's health");
    bench.asked();
    for _ in 0..2 {
        assert_eq!(bench.shows(), fails_with("not serving"));
        bench.ready("a");
        assert_eq!(bench.shows(), goes_to("a:1"));
        bench.change("a", SubchannelState::Unhealthy("not serving".into()));
    }
    assert_eq!((bench.asked(), bench.controller.resolutions), (vec![], 0));
    bench.idle("a");
    assert_eq!((bench.shows(), bench.controller.resolutions), (queues(Idle), 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_with_the_selected_address_keeps_the_connection() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.ready("a");
    bench.shows();
    let (id, made) = (bench.id("a"), bench.controller.made.len());
    bench.asked();
    bench.update(&["c", "b", "a"]);
    assert!(bench.policy.picture().is_none(), "nothing has changed for calls");
    assert_eq!((bench.id("a"), bench.controller.made.len(), bench.asked()), (id, made, vec![]));
    // The list is remembered: its first address is tried when the connection is lost.
    bench.idle("a");
    bench.policy.exit_idle(&mut bench.controller);
    assert_eq!(bench.asked(), ["c:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_without_the_selected_address_connects_anew() {
    for unhealthy in [false, true] {
        let mut bench = Bench::new(&["a"]);
        bench.ready("a");
        if unhealthy {
            bench.change("a", SubchannelState::Unhealthy("not serving".into()));
        }
        bench.asked();
        bench.update(&["b", "c"]);
        assert_eq!((bench.asked(), bench.shows()), (vec!["b:1".into()], queues(Connecting)));
        assert_eq!(bench.controller.live(), ["b:1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_address_under_another_name_of_the_server_connects_anew() {
    let mut bench = Bench::new(&["a"]);
    bench.ready("a");
    let (old, mut renamed) = (bench.id("a"), endpoint(&["a"]));
    bench.asked();
    renamed.authority = "other.example".parse().unwrap();
    bench.update_endpoints(&[renamed]);
    assert_ne!(bench.id("a"), old);
    assert_eq!((bench.asked(), bench.controller.live()), (vec!["a:1".into()], vec!["a:1".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_new_list_leaves_it_idle_if_it_was_idle() {
    let mut bench = Bench::new(&["a"]);
    bench.ready("a");
    bench.idle("a");
    bench.asked();
    bench.update(&["b", "a"]);
    assert_eq!((bench.asked(), bench.shows()), (vec![], queues(Idle)));
    assert_eq!(bench.controller.live(), ["b:1"], "the address that would be tried first");
    bench.policy.exit_idle(&mut bench.controller);
    assert_eq!(bench.asked(), ["b:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_list_while_connecting_begins_a_pass_that_takes_over_what_is_under_way() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    bench.fails("a");
    bench.connecting("b");
    let b = bench.id("b");
    bench.asked();
    // d is new; a is still in backoff and counts as failed; b is connecting and counts as asked.
    bench.update(&["a", "b", "d"]);
    assert_eq!((bench.asked(), bench.id("b")), (vec![], b));
    bench.pass(250).await;
    assert_eq!(bench.asked(), ["d:1"]);
    bench.fails("d");
    assert_eq!(bench.shows(), queues(Connecting));
    bench.fails("b");
    assert_eq!((bench.shows(), bench.controller.resolutions), (fails_with("b refuses"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_pass_waits_for_every_address_however_often_others_have_failed() {
    let mut bench = Bench::new(&["a"]);
    bench.update(&["x", "a", "b"]);
    // Before its turn, and again when it comes.
    bench.fails("a");
    bench.idle("a");
    bench.pass(250).await;
    bench.fails("a");
    bench.fails("b");
    assert_eq!(bench.shows(), queues(Connecting));
    bench.fails("x");
    assert_eq!(bench.shows(), fails_with("x refuses"));
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_has_come_to_its_end_waits_for_no_timer() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.fails("a");
    bench.update(&["b", "c", "a"]);
    bench.pass(250).await;
    assert!(bench.policy.wake_at().is_some());
    bench.fails("c");
    assert_eq!((bench.policy.wake_at(), bench.shows()), (None, queues(Connecting)));
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_no_longer_listed_are_shut_down_while_connecting() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.pass(250).await;
    bench.update(&["b"]);
    assert_eq!(bench.controller.live(), ["b:1"]);
    let a = *bench.controller.made.keys().next().unwrap();
    bench.policy.subchannel_changed(a, &SubchannelState::Ready, &mut bench.controller);
    assert_eq!(bench.shows(), queues(Connecting), "news of it come too late");
}

#[tokio::test(start_paused = true)]
async fn a_new_list_does_not_end_transient_failure() {
    let mut bench = Bench::new(&["a"]);
    bench.fails("a");
    bench.asked();
    bench.update(&["b", "a"]);
    assert_eq!((bench.asked(), bench.shows()), (vec!["b:1".into()], fails_with("a refuses")));
    bench.update(&["c", "b"]);
    assert_eq!((bench.asked(), bench.shows()), (vec!["c:1".into()], fails_with("a refuses")));
    bench.ready("c");
    assert_eq!(bench.shows(), goes_to("c:1"));
}

#[tokio::test(start_paused = true)]
async fn the_same_list_again_changes_nothing() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.asked();
    bench.pass(249).await;
    bench.update(&["a", "b"]);
    bench.pass(1).await;
    assert_eq!(bench.asked(), ["b:1"], "the pass goes on as if nothing had come");
    bench.fails("a");
    bench.fails("b");
    bench.asked();
    bench.update(&["a", "b"]);
    assert_eq!((bench.asked(), bench.controller.resolutions), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_in_another_order_does_not_ask_for_a_resolution_while_all_are_in_backoff() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.fails("a");
    bench.fails("b");
    for order in [["b", "a"], ["a", "b"]] {
        bench.update(&order);
        assert_eq!(bench.controller.resolutions, 1, "or it would be asked again with each answer");
        assert_eq!(bench.shows().0, ConnectivityState::TransientFailure);
    }
    bench.idle("a");
    bench.idle("b");
    bench.asked();
    bench.fails("a");
    bench.fails("b");
    assert_eq!(bench.controller.resolutions, 2);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_fails_calls_until_there_is_another() {
    for mut bench in [Bench::default(), Bench::new(&["a"])] {
        bench.update(&[]);
        assert_eq!(bench.shows(), fails_with("the target has no address"));
        assert_eq!(bench.controller.live(), NONE);
        bench.policy.exit_idle(&mut bench.controller);
        bench.update_endpoints(&[endpoint(&[])]);
        assert_eq!(bench.shows(), fails_with("the target has no address"));
        bench.asked();
        bench.update(&["b"]);
        assert_eq!((bench.asked(), bench.shows()), (vec!["b:1".into()], queues(Connecting)));
    }
}

#[tokio::test(start_paused = true)]
async fn shut_down_gives_everything_up_and_a_list_begins_anew() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.pass(250).await;
    bench.policy.shut_down();
    assert_eq!((bench.controller.live(), bench.policy.wake_at()), (vec![], None));
    bench.asked();
    bench.policy.exit_idle(&mut bench.controller);
    assert_eq!((bench.asked(), bench.shows()), (vec![], queues(Idle)));
    bench.update(&["a", "b"]);
    assert_eq!(bench.asked(), ["a:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_new_only_if_calls_see_a_difference() {
    let mut bench = Bench::new(&["a", "b"]);
    assert!(bench.policy.picture().is_some());
    bench.connecting("a");
    bench.fails("a");
    bench.connecting("b");
    assert!(bench.policy.picture().is_none());
    bench.ready("b");
    assert!(bench.policy.picture().is_some());
    bench.ready("b");
    assert!(bench.policy.picture().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shuffled_list_is_shuffled_anew_only_when_it_is_another() {
    fastrand::seed(3);
    let names: Vec<_> = ('a'..='z').map(String::from).collect();
    let endpoints: Vec<_> = names.iter().map(|name| endpoint(&[name])).collect();
    let config = PolicyConfig::PickFirst(Config { shuffle_address_list: true });
    let mut bench = Bench::default();
    bench.policy.update(&endpoints, &config, &mut bench.controller);
    let first = bench.asked();
    assert_ne!(first, ["a:1"]);
    bench.policy.update(&endpoints, &config, &mut bench.controller);
    assert_eq!((bench.asked(), bench.controller.live()), (vec![], first));
}
