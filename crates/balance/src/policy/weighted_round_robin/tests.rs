use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use tokio::time::{Duration, Instant, advance};
use tonic::Code;

use super::utilization::{Metric, weight};
use super::{Config, WeightCounts, WeightedRoundRobin};
use crate::policy::testing::{FakeController, endpoints, pick};
use crate::policy::{CallEnd, CallTracker, Picture, Policy, PolicyConfig};
use crate::service_config::Fields;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{ConnectivityState, LoadReport, ServiceConfigError};

const SECOND: Duration = Duration::from_secs(1);

fn parse(json: &serde_json::Value) -> Result<Config, ServiceConfigError> {
    Config::parse(&Fields::new(json, "p")?)
}

fn report(calls: f64, utilization: f64) -> LoadReport {
    LoadReport {
        rps_fractional: calls,
        application_utilization: utilization,
        ..LoadReport::default()
    }
}

/// The policy over three READY endpoints, and what follows the calls of each.
struct Fixture {
    policy: WeightedRoundRobin,
    controller: FakeController,
    ids: Vec<SubchannelId>,
    trackers: Vec<Arc<dyn CallTracker>>,
    picture: Picture,
}

impl Fixture {
    fn new(config: Config) -> Self {
        Self::with_endpoints(3, config)
    }

    fn with_endpoints(count: u8, config: Config) -> Self {
        fastrand::seed(7);
        let mut policy = WeightedRoundRobin::default();
        let mut controller = FakeController::default();
        let config = PolicyConfig::WeightedRoundRobin(config);
        policy.update(&endpoints(1..=count), &config, &mut controller);
        assert_eq!(pick(&policy.picture().unwrap()), "queue");
        let ids: Vec<_> = controller.made.keys().copied().collect();
        assert_eq!(controller.connects(), ids, "every endpoint is connected from the start");
        for id in &ids {
            controller.make_ready(&mut policy, *id);
        }
        let picture = policy.picture().unwrap();
        assert_eq!(picture.state, ConnectivityState::Ready);
        let trackers = ids.iter().map(|id| controller.trackers[id][0].clone()).collect();
        Self { policy, controller, ids, trackers, picture }
    }

    /// A call to that endpoint ends, with this report.
    fn call_ends(&self, endpoint: usize, load: &LoadReport) {
        self.trackers[endpoint].started();
        let (code, duration) = (Code::Ok, Duration::ZERO);
        self.trackers[endpoint].ended(&CallEnd { code, duration, load: Some(load) });
    }

    /// Every endpoint reports a utilization that makes its weight one of these, now and every second for so long.
    async fn report_for(&mut self, time: Duration, weights: [f64; 3]) {
        let end = Instant::now() + time;
        loop {
            for (endpoint, weight) in weights.into_iter().enumerate() {
                if weight > 0.0 {
                    self.call_ends(endpoint, &report(100.0, 100.0 / weight));
                }
            }
            if Instant::now() >= end {
                return;
            }
            advance(SECOND).await;
        }
    }

    /// Does what is due. Returns whether that has changed the picture.
    fn wake(&mut self) -> bool {
        if self.policy.wake_at().is_some_and(|at| at <= Instant::now()) {
            self.policy.wake(Instant::now(), &mut self.controller);
        }
        let picture = self.policy.picture();
        let changed = picture.is_some();
        self.picture = picture.unwrap_or(self.picture.clone());
        changed
    }

    /// What each endpoint gets of 12,000 calls.
    fn shares(&self) -> [f64; 3] {
        let mut got = HashMap::<_, u32>::new();
        for _ in 0..12_000 {
            *got.entry(pick(&self.picture)).or_default() += 1;
        }
        [1, 2, 3].map(|n| {
            f64::from(got.get(&format!("10.0.0.{n}:1")).copied().unwrap_or_default()) / 12_000.0
        })
    }

    #[track_caller]
    fn assert_shares(&self, weights: [f64; 3], when: &str) {
        let shares = self.shares();
        for (share, weight) in shares.into_iter().zip(weights) {
            let expected = weight / weights.iter().sum::<f64>();
            assert!((share - expected).abs() <= 0.01 * expected, "{shares:?} {when}");
        }
    }
}

#[test]
fn settings_have_their_defaults_and_bounds() {
    let default = Config::default();
    assert_eq!(parse(&json!({})).unwrap(), default);
    assert!(!default.enable_oob_load_report);
    assert_eq!(default.oob_reporting_period, 10 * SECOND);
    assert_eq!(default.blackout_period, 10 * SECOND);
    assert_eq!(default.weight_expiration_period, 180 * SECOND);
    assert_eq!(default.weight_update_period, SECOND);
    assert_eq!(default.error_utilization_penalty, 1.0);
    assert_eq!(default.metrics, []);

    let every_field = json!({
        "enableOobLoadReport": true,
        "oobReportingPeriod": "2s",
        "blackoutPeriod": "0s",
        "weightExpirationPeriod": "0.5s",
        "weightUpdatePeriod": "0.1s",
        "errorUtilizationPenalty": 0,
        "metricNamesForComputingUtilization": ["mem_utilization", "no_such_field"],
    });
    let expected = Config {
        enable_oob_load_report: true,
        oob_reporting_period: 2 * SECOND,
        blackout_period: Duration::ZERO,
        weight_expiration_period: SECOND / 2,
        weight_update_period: SECOND / 10,
        error_utilization_penalty: 0.0,
        metrics: vec![Metric::Memory],
    };
    assert_eq!(parse(&every_field).unwrap(), expected);
    let fast = parse(&json!({"weightUpdatePeriod": "0.099s"})).unwrap();
    assert_eq!(fast.weight_update_period, Duration::from_millis(100), "not more often");

    for (json, field) in [
        (json!({"errorUtilizationPenalty": -0.1}), "p.errorUtilizationPenalty"),
        (json!({"errorUtilizationPenalty": "x"}), "p.errorUtilizationPenalty"),
        (json!({"blackoutPeriod": "-1s"}), "p.blackoutPeriod"),
        (json!({"weightUpdatePeriod": 1}), "p.weightUpdatePeriod"),
        (json!({"enableOobLoadReport": 1}), "p.enableOobLoadReport"),
        (
            json!({"metricNamesForComputingUtilization": ["cpu_utilization", 1]}),
            "p.metricNamesForComputingUtilization[1]",
        ),
    ] {
        assert_eq!(parse(&json).unwrap_err().field(), field, "{json}");
    }
}

#[test]
fn weight_is_calls_by_utilization_and_the_penalty_for_errors() {
    let nan = f64::NAN;
    for (calls, errors, application, cpu, penalty, expected) in [
        (100.0, 0.0, 0.5, 0.9, 1.0, Some(200.0)),
        // The CPU counts when the application says nothing.
        (100.0, 0.0, 0.0, 0.8, 1.0, Some(125.0)),
        (100.0, 0.0, nan, 0.8, 1.0, Some(125.0)),
        (100.0, 0.0, -1.0, 0.8, 1.0, Some(125.0)),
        // Above 1 is allowed.
        (100.0, 0.0, 2.0, 0.0, 1.0, Some(50.0)),
        // 100 / (0.5 + 20 / 100 * penalty)
        (100.0, 20.0, 0.5, 0.0, 0.0, Some(200.0)),
        (100.0, 20.0, 0.5, 0.0, 1.0, Some(142.857_14)),
        (100.0, 20.0, 0.5, 0.0, 2.5, Some(100.0)),
        (100.0, nan, 0.5, 0.0, 1.0, Some(200.0)),
        (100.0, -5.0, 0.5, 0.0, 1.0, Some(200.0)),
        // Nothing to learn.
        (0.0, 0.0, 0.5, 0.0, 1.0, None),
        (-1.0, 0.0, 0.5, 0.0, 1.0, None),
        // Both parts of the fraction would be negative.
        (-1.0, 20.0, 0.5, 0.0, 1.0, None),
        (nan, 0.0, 0.5, 0.0, 1.0, None),
        (100.0, 0.0, 0.0, 0.0, 1.0, None),
        (100.0, 0.0, nan, nan, 1.0, None),
        (100.0, 0.0, f64::INFINITY, 0.0, 1.0, None),
        (f64::INFINITY, 0.0, 0.5, 0.0, 1.0, None),
        (f64::MAX, 0.0, 0.5, 0.0, 1.0, None),
    ] {
        let report = LoadReport { cpu_utilization: cpu, eps: errors, ..report(calls, application) };
        let config = Config { error_utilization_penalty: penalty, ..Config::default() };
        assert_eq!(weight(&report, &config), expected, "{report:?}, {penalty}");
    }
}

#[test]
fn utilization_is_the_largest_of_the_metrics_that_are_named() {
    let named = |entries: &[(&str, f64)]| {
        entries.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    let report = LoadReport {
        cpu_utilization: 0.25,
        mem_utilization: 0.5,
        named_metrics: named(&[("queue", 0.8), ("a.b", 4.0), ("nan", f64::NAN), ("low", -1.0)]),
        utilization: named(&[("disk", 0.4), ("zero", 0.0)]),
        request_cost: named(&[("queue", 5.0)]),
        eps: 0.0,
        ..report(1.0, 0.1)
    };
    for (names, utilization) in [
        (&[][..], 0.1),
        (&["cpu_utilization"], 0.25),
        (&["mem_utilization"], 0.5),
        (&["application_utilization"], 0.1),
        (&["named_metrics.queue"], 0.8),
        // The first full stop is the one that counts.
        (&["named_metrics.a.b"], 4.0),
        (&["utilization.disk"], 0.4),
        // The largest.
        (&["cpu_utilization", "named_metrics.queue", "utilization.disk"], 0.8),
        (&["named_metrics.nan", "cpu_utilization"], 0.25),
        (&["cpu_utilization", "named_metrics.nan"], 0.25),
        // Those that say nothing leave it to the application.
        (&["named_metrics.nan", "named_metrics.low", "utilization.zero", "named_metrics.no"], 0.1),
        // Not among those that can be named.
        (&["eps", "rps_fractional", "request_cost.queue", "queue", "named_metrics", ""], 0.1),
    ] {
        let config = json!({"metricNamesForComputingUtilization": names});
        let expected = (1.0 / utilization) as f32;
        assert_eq!(weight(&report, &parse(&config).unwrap()), Some(expected), "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_spread_by_weight_within_one_percent() {
    for weights in [[100.0, 200.0, 300.0], [100.0, 100.0, 150.0], [40.0, 400.0, 400.0]] {
        let mut fixture = Fixture::new(Config::default());
        fixture.report_for(10 * SECOND, weights).await;
        assert!(fixture.wake());
        fixture.assert_shares(weights, "by weight");
    }
}

#[tokio::test(start_paused = true)]
async fn weights_are_used_after_ten_seconds_of_reports_and_until_three_minutes_after_the_last() {
    let (even, weights) = ([1.0; 3], [100.0, 200.0, 300.0]);
    let mut fixture = Fixture::new(Config::default());
    fixture.report_for(9 * SECOND, weights).await;
    fixture.wake();
    fixture.assert_shares(even, "within the blackout");

    advance(SECOND - Duration::from_millis(1)).await;
    fixture.wake();
    fixture.assert_shares(even, "a millisecond before the blackout ends");
    // The policy looks again a second after it last did.
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares(weights, "after the blackout");

    // The last report is 1.999 s old by now.
    advance(176 * SECOND).await;
    assert!(!fixture.wake());
    fixture.assert_shares(weights, "1 s before the weights expire");
    advance(2 * SECOND).await;
    assert!(!fixture.wake(), "a look each second, no new picture");
    advance(Duration::from_millis(1)).await;
    assert!(!fixture.wake(), "not due yet");
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares(even, "after the weights have expired");

    fixture.report_for(9 * SECOND, weights).await;
    assert!(!fixture.wake(), "the blackout applies anew");
    fixture.report_for(SECOND, weights).await;
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares(weights, "after the second blackout");
}

#[tokio::test(start_paused = true)]
async fn what_is_found_of_weights_is_counted_at_every_look() {
    let config = Config { weight_expiration_period: 5 * SECOND, ..Config::default() };
    let mut fixture = Fixture::new(config);
    let counted = |fixture: &Fixture| {
        let totals = fixture.controller.made[&fixture.ids[0]].totals();
        let found = totals.weights.snapshot().unwrap();
        let buckets = found.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        let buckets: Vec<_> = buckets.map(|(bucket, count)| (bucket, *count)).collect();
        (found.fallbacks, found.not_yet_usable, found.stale, buckets, found.sum)
    };
    // The picker of three endpoints that have just become READY.
    assert_eq!(counted(&fixture), (1, 3, 0, vec![(0, 3)], 0));
    fixture.report_for(10 * SECOND, [100.0, 200.0, 0.0]).await;
    assert!(fixture.wake(), "one look, though it makes a new picker");
    let found = counted(&fixture);
    assert_eq!((found.0, found.1, found.2), (1, 4, 0));
    assert_eq!(found.3, [(0, 4), (6, 1), (7, 1)], "100 is in its own bucket, 200 in the next");
    assert!((299_000..=300_000).contains(&found.4), "{}", found.4);
    advance(SECOND).await;
    assert!(!fixture.wake());
    let found = counted(&fixture);
    assert_eq!((found.0, found.1, found.2), (1, 5, 0), "a look that changes nothing counts");
    advance(5 * SECOND).await;
    assert!(fixture.wake());
    let found = counted(&fixture);
    assert_eq!((found.0, found.1, found.2), (2, 6, 2), "two have not reported for too long");
    advance(SECOND).await;
    assert!(!fixture.wake());
    assert_eq!(counted(&fixture).2, 4, "and still have not");
}

#[test]
fn a_weight_is_counted_below_its_bound_and_above_the_one_before() {
    let counts = WeightCounts::default();
    assert_eq!(counts.snapshot(), None, "nothing is told where nobody has looked");
    counts.looked(&[Ok(5.0), Ok(5.5), Ok(1e9)]);
    counts.looked(&[Ok(0.5)]);
    let found = counts.snapshot().unwrap();
    assert_eq!((found.buckets[1], found.buckets[2], found.buckets[15]), (2, 1, 1));
    assert_eq!((found.sum, found.fallbacks), (1_000_000_011_000, 1));
}

#[tokio::test(start_paused = true)]
async fn weights_are_looked_at_every_update_period() {
    let config = Config {
        blackout_period: Duration::ZERO,
        weight_update_period: SECOND / 4,
        ..Config::default()
    };
    let mut fixture = Fixture::new(config);
    let began = Instant::now();
    assert_eq!(fixture.policy.wake_at(), Some(began + SECOND / 4));
    fixture.report_for(Duration::ZERO, [100.0, 200.0, 300.0]).await;
    fixture.assert_shares([1.0; 3], "not looked at yet");
    advance(SECOND / 4).await;
    assert!(fixture.wake());
    fixture.assert_shares([100.0, 200.0, 300.0], "without a blackout");
    assert_eq!(fixture.policy.wake_at(), Some(began + SECOND / 2));
    advance(SECOND / 4).await;
    assert!(!fixture.wake(), "no new picture when the weights say the same");
    assert_eq!(fixture.policy.wake_at(), Some(began + SECOND * 3 / 4));
}

#[tokio::test(start_paused = true)]
async fn fewer_than_two_weights_are_plain_turns() {
    let mut fixture = Fixture::new(Config::default());
    fixture.report_for(10 * SECOND, [100.0, 0.0, 0.0]).await;
    assert!(!fixture.wake(), "nothing to tell apart");
    let picks: Vec<_> = (0..30).map(|_| pick(&fixture.picture)).collect();
    for window in picks.windows(3) {
        let mut window = window.to_vec();
        window.sort();
        assert_eq!(window, ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]);
    }
    let alone = Fixture::with_endpoints(1, Config::default());
    assert_eq!(alone.policy.wake_at(), None, "there is nothing to look at for one");
}

#[tokio::test(start_paused = true)]
async fn endpoint_without_a_weight_gets_the_mean_of_the_others() {
    let mut fixture = Fixture::new(Config::default());
    fixture.report_for(10 * SECOND, [100.0, 0.0, 300.0]).await;
    assert!(fixture.wake());
    fixture.assert_shares([100.0, 200.0, 300.0], "the mean is 200");
}

#[tokio::test(start_paused = true)]
async fn empty_reports_leave_the_weight_as_it_is() {
    let config = Config { blackout_period: Duration::ZERO, ..Config::default() };
    let mut fixture = Fixture::new(config);
    fixture.report_for(Duration::ZERO, [100.0, 200.0, 300.0]).await;
    for endpoint in 0..3 {
        fixture.call_ends(endpoint, &LoadReport::default());
        let (code, duration) = (Code::Unavailable, SECOND);
        fixture.trackers[endpoint].ended(&CallEnd { code, duration, load: None });
    }
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares([100.0, 200.0, 300.0], "by the last report that says something");
    // They do not keep it alive either.
    for _ in 0..180 {
        fixture.call_ends(0, &LoadReport::default());
        advance(SECOND).await;
    }
    assert!(fixture.wake());
    fixture.assert_shares([1.0; 3], "after three minutes of them");
}

#[tokio::test(start_paused = true)]
async fn blackout_begins_anew_when_an_endpoint_is_ready_again() {
    let weights = [100.0, 200.0, 600.0];
    let mut fixture = Fixture::new(Config::default());
    fixture.report_for(10 * SECOND, weights).await;
    assert!(fixture.wake());
    fixture.assert_shares(weights, "before");
    let third = fixture.ids[2];
    fixture.policy.subchannel_changed(third, &SubchannelState::Idle, &mut fixture.controller);
    assert!(fixture.wake());
    fixture.assert_shares([100.0, 200.0, 0.0], "while it is away");
    fixture.controller.make_ready(&mut fixture.policy, third);
    assert!(fixture.wake());
    fixture.assert_shares([100.0, 200.0, 150.0], "it gets the mean of the others at first");
    fixture.report_for(9 * SECOND, weights).await;
    assert!(!fixture.wake());
    fixture.report_for(SECOND, weights).await;
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares(weights, "after its blackout");
}

#[tokio::test(start_paused = true)]
async fn weights_survive_a_new_list() {
    let weights = [100.0, 200.0, 300.0];
    let mut fixture = Fixture::new(Config::default());
    fixture.report_for(10 * SECOND, weights).await;
    let config = PolicyConfig::WeightedRoundRobin(Config::default());
    fixture.policy.update(&endpoints([3, 1, 2]), &config, &mut fixture.controller);
    assert!(fixture.wake());
    fixture.assert_shares(weights, "in another order");
}

#[tokio::test(start_paused = true)]
async fn reports_count_from_calls_or_from_a_stream_as_the_config_says() {
    let oob = Config {
        enable_oob_load_report: true,
        blackout_period: Duration::ZERO,
        ..Config::default()
    };
    let in_calls = Config { enable_oob_load_report: false, ..oob.clone() };
    let weights = [100.0, 200.0, 300.0];
    let mut fixture = Fixture::new(oob);
    assert_eq!(fixture.trackers[0].load_interval(), Some(10 * SECOND));
    fixture.report_for(Duration::ZERO, weights).await;
    advance(SECOND).await;
    assert!(!fixture.wake(), "what comes with calls is not looked at");
    for (tracker, weight) in fixture.trackers.iter().zip(weights) {
        tracker.load_reported(&report(weight, 1.0));
    }
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares(weights, "by the reports of the streams");

    let config = PolicyConfig::WeightedRoundRobin(in_calls);
    fixture.policy.update(&endpoints(1..=3), &config, &mut fixture.controller);
    assert_eq!(fixture.trackers[0].load_interval(), None, "no stream is wanted any more");
    for tracker in &fixture.trackers {
        tracker.load_reported(&report(100.0, 1.0));
    }
    advance(SECOND).await;
    fixture.wake();
    fixture.assert_shares(weights, "what comes on streams is not looked at now");
    fixture.report_for(Duration::ZERO, [300.0, 200.0, 100.0]).await;
    advance(SECOND).await;
    assert!(fixture.wake());
    fixture.assert_shares([300.0, 200.0, 100.0], "by the reports of calls");
}

#[tokio::test(start_paused = true)]
async fn turns_go_on_from_picture_to_picture() {
    let mut fixture = Fixture::new(Config::default());
    let mut picks = Vec::new();
    for _ in 0..30 {
        picks.push(pick(&fixture.picture));
        let config = PolicyConfig::WeightedRoundRobin(Config::default());
        fixture.policy.update(&endpoints(1..=3), &config, &mut fixture.controller);
        assert!(fixture.wake());
    }
    for window in picks.windows(3) {
        let mut window = window.to_vec();
        window.sort();
        assert_eq!(window, ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]);
    }
}
