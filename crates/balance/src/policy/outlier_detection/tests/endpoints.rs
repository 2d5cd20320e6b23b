//! What the child is told of the subchannels of an endpoint.

use std::sync::Arc;

use tokio::time::{Duration, Instant};
use tonic::Code;

use super::super::Config;
use super::super::calls::Calls;
use super::super::endpoints::{Endpoints, News};
use super::*;
use crate::policy::testing::endpoints;
use crate::policy::{CallEnd, CallTracker, Controller, NewSubchannel};
use crate::subchannel::SubchannelState;
use crate::{Address, Subchannel};

/// Ejects whoever has failed two calls of two, for 30 s.
fn strict() -> Config {
    let settings = json!({
        "maxEjectionPercent": 100,
        "failurePercentageEjection": { "threshold": 50, "minimumHosts": 0, "requestVolume": 2 },
    });
    let PolicyConfig::OutlierDetection(config) = config(settings) else {
        panic!("not the policy that was asked for");
    };
    config
}

/// Endpoints 10.0.0.1 and 10.0.0.2 as one, with two addresses, and 10.0.0.3.
fn two_addresses_and_one() -> Vec<Endpoint> {
    let mut list = endpoints(1..=3);
    let second = list.remove(1);
    list[0].addresses.extend(second.addresses);
    list
}

struct Table {
    endpoints: Endpoints,
    controller: FakeController,
    now: Instant,
}

impl Table {
    fn new(list: &[Endpoint]) -> Self {
        let mut endpoints = Endpoints::default();
        endpoints.update(list);
        Self { endpoints, controller: FakeController::default(), now: Instant::now() }
    }

    fn make(&mut self, endpoint: &Endpoint, address: &Address) -> Arc<Subchannel> {
        let trackers: Vec<Arc<dyn CallTracker>> = vec![self.endpoints.calls(endpoint).unwrap()];
        let new = NewSubchannel { endpoint, address, trackers, health_checked: true };
        let made = self.controller.new_subchannel(new);
        self.endpoints.track(endpoint, &made);
        made
    }

    /// What the child is told when a subchannel changes.
    fn told(&mut self, subchannel: &Subchannel, state: SubchannelState) -> String {
        short(&self.endpoints.changed(subchannel.id(), &state))
    }

    /// What the child is told after so many seconds, of which subchannel.
    fn news_after(&mut self, seconds: u64) -> Vec<(u64, String)> {
        self.now += Duration::from_secs(seconds);
        let news = self.endpoints.sweep(&strict(), self.now);
        brief(&news)
    }

    fn fail_two(&self, subchannel: &Subchannel) {
        self.controller.call(subchannel.id(), Code::Internal, 2);
    }
}

fn brief(news: &News) -> Vec<(u64, String)> {
    news.iter().map(|(id, state)| (id.0, short(state))).collect()
}

fn short(state: &SubchannelState) -> String {
    match state {
        SubchannelState::Idle => "idle".into(),
        SubchannelState::Connecting => "connecting".into(),
        SubchannelState::Ready => "ready".into(),
        SubchannelState::Unhealthy(why) => format!("unhealthy: {why}"),
        SubchannelState::TransientFailure(why) => format!("failed: {why}"),
    }
}

const EJECTED: &str = "unhealthy: ejected as an outlier: 2 of 2 calls have failed";

#[tokio::test(start_paused = true)]
async fn an_ejected_connection_is_unhealthy_and_its_own_state_is_told_afterwards() {
    for (meanwhile, afterwards) in [
        (SubchannelState::Ready, Some("ready")),
        (
            SubchannelState::Unhealthy("the database is gone".into()),
            Some("unhealthy: the database is gone"),
        ),
        // What has no connection was told as it was all the time.
        (SubchannelState::Idle, None),
        (SubchannelState::Connecting, None),
        (SubchannelState::TransientFailure("refused".into()), None),
    ] {
        let list = endpoints([1]);
        let mut table = Table::new(&list);
        let one = table.make(&list[0], &list[0].addresses[0]);
        assert_eq!(table.told(&one, SubchannelState::Ready), "ready");
        table.fail_two(&one);
        assert_eq!(table.news_after(10), [(0, EJECTED.into())]);
        let shown = one.snapshot().ejected;
        assert_eq!(shown.as_deref(), EJECTED.strip_prefix("unhealthy: "));
        let while_ejected = table.told(&one, meanwhile.clone());
        match afterwards {
            Some(_) => assert_eq!(while_ejected, EJECTED, "{meanwhile:?}"),
            None => assert_eq!(while_ejected, short(&meanwhile)),
        }
        assert_eq!(table.news_after(29), []);
        let expected: Vec<_> = afterwards.map(|state| (0, state.to_owned())).into_iter().collect();
        assert_eq!(table.news_after(1), expected, "{meanwhile:?}");
        assert_eq!(one.snapshot().ejected, None);
        assert_eq!(table.told(&one, SubchannelState::Ready), "ready");
    }
}

#[tokio::test(start_paused = true)]
async fn the_addresses_of_an_endpoint_are_judged_and_ejected_together() {
    let list = two_addresses_and_one();
    let mut table = Table::new(&list);
    let first = table.make(&list[0], &list[0].addresses[0]);
    let second = table.make(&list[0], &list[0].addresses[1]);
    let other = table.make(&list[1], &list[1].addresses[0]);
    for subchannel in [&first, &second, &other] {
        table.told(subchannel, SubchannelState::Ready);
    }
    // One call each: enough only if they count for the same endpoint.
    table.controller.call(first.id(), Code::Internal, 1);
    table.controller.call(second.id(), Code::Internal, 1);
    table.controller.call(other.id(), Code::Ok, 2);
    assert_eq!(table.news_after(10), [(0, EJECTED.into()), (1, EJECTED.into())]);
    // The connection is lost, and one to the other address made instead.
    assert_eq!(table.told(&first, SubchannelState::Idle), "idle");
    let third = table.make(&list[0], &list[0].addresses[1]);
    assert_eq!(table.told(&third, SubchannelState::Connecting), "connecting");
    assert_eq!(table.told(&third, SubchannelState::Ready), EJECTED);
    second.shut_down();
    assert_eq!(table.news_after(30), [(3, "ready".into())]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_the_set_of_its_addresses() {
    let list = two_addresses_and_one();
    let mut table = Table::new(&list);
    let one = table.make(&list[0], &list[0].addresses[0]);
    table.told(&one, SubchannelState::Ready);
    table.fail_two(&one);
    table.news_after(10);
    let mut reversed = list.clone();
    reversed[0].addresses.reverse();
    reversed[0].weight = 7;
    table.endpoints.update(&reversed);
    assert_eq!(table.told(&one, SubchannelState::Ready), EJECTED, "the same endpoint");
    let mut fewer = list.clone();
    fewer[0].addresses.pop();
    table.endpoints.update(&fewer);
    let new = table.make(&fewer[0], &fewer[0].addresses[0]);
    assert_eq!(table.told(&new, SubchannelState::Ready), "ready", "another endpoint");
    assert_eq!(table.told(&one, SubchannelState::Ready), "ready", "nobody's any more");
    table.endpoints.update(&list);
    let anew = table.make(&list[0], &list[0].addresses[0]);
    assert_eq!(table.told(&anew, SubchannelState::Ready), "ready", "nothing is remembered");
}

#[tokio::test(start_paused = true)]
async fn subchannels_that_are_shut_down_are_forgotten() {
    let list = endpoints([1]);
    let mut table = Table::new(&list);
    let mut last = table.make(&list[0], &list[0].addresses[0]);
    for _ in 0..100 {
        table.told(&last, SubchannelState::Ready);
        last.shut_down();
        let next = table.make(&list[0], &list[0].addresses[0]);
        // This one's, the controller's and the table's: the old one is not in the table any more.
        assert_eq!(Arc::strong_count(&last), 2);
        last = next;
    }
    table.told(&last, SubchannelState::Ready);
    table.fail_two(&last);
    assert_eq!(table.news_after(10), [(100, EJECTED.into())]);
}

#[tokio::test(start_paused = true)]
async fn subchannels_of_endpoints_that_are_gone_are_forgotten() {
    let list = endpoints([1, 2]);
    let mut table = Table::new(&list);
    let one = table.make(&list[0], &list[0].addresses[0]);
    let remembers =
        |table: &Table| format!("{:?}", table.endpoints).contains(&format!("{:?}", one.id()));
    assert!(remembers(&table));
    table.endpoints.update(&list[1..]);
    assert!(!remembers(&table));
    assert!(table.endpoints.calls(&list[0]).is_none());
}

#[test]
fn each_call_is_counted_once_however_often_they_are_taken() {
    const THREADS: u64 = 4;
    const CALLS: u64 = 20_000;
    let calls = Calls::default();
    let end = CallEnd { code: Code::Ok, duration: Duration::ZERO, load: None };
    let failed = CallEnd { code: Code::Unavailable, ..end };
    let (mut successes, mut failures) = (0, 0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..CALLS {
                        calls.ended(&end);
                        calls.ended(&failed);
                    }
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            let sample = calls.take();
            successes += sample.successes;
            failures += sample.failures;
        }
    });
    let rest = calls.take();
    assert_eq!(successes + rest.successes, THREADS * CALLS);
    assert_eq!(failures + rest.failures, THREADS * CALLS);
    assert_eq!(calls.take().volume(), 0, "taken is taken");
}
