//! Scenarios, most of them those of grpc-go's `internal/xds/balancer/outlierdetection`.

use super::*;
use crate::policy::testing::endpoints;

/// Ejects whoever has failed two calls of two, however many do.
fn strict() -> Value {
    json!({
        "maxEjectionPercent": 100,
        "failurePercentageEjection": { "minimumHosts": 0, "requestVolume": 2 },
    })
}

/// How many endpoints have no calls.
fn ejected(bench: &mut Bench, of: &[Endpoint]) -> usize {
    of.len() - bench.in_use().iter().filter(|one| one.starts_with("10.")).count()
}

/// An interval in which an endpoint fails two calls, and is ejected for it. Returns for how long.
async fn ejection_time(bench: &mut Bench, endpoint: &Endpoint) -> u64 {
    bench.calls(endpoint, Code::Internal, 2);
    bench.end_interval().await;
    assert!(!bench.is_in_use(endpoint));
    bench.time_until_in_use(endpoint).await.as_secs()
}

/// grpc-go: `TestOutlierDetectionAlgorithmsE2E`.
#[tokio::test(start_paused = true)]
async fn either_algorithm_ejects_the_server_that_fails_and_lets_it_come_back() {
    let common = json!({ "minimumHosts": 3, "requestVolume": 5 });
    let with = |name: &str, value: u32| {
        let mut settings = common.clone();
        settings[name] = value.into();
        settings
    };
    for algorithm in [
        json!({ "successRateEjection": with("stdevFactor", 50) }),
        json!({ "failurePercentageEjection": with("threshold", 50) }),
    ] {
        let mut settings = json!({
            "interval": "0.050s", "baseEjectionTime": "0.100s", "maxEjectionPercent": 33,
        });
        settings.as_object_mut().unwrap().extend(algorithm.as_object().unwrap().clone());
        let list = endpoints(1..=3);
        let mut bench = Bench::new(settings, &list);
        assert_eq!(ejected(&mut bench, &list), 0);
        for (endpoint, code) in list.iter().zip([Code::Ok, Code::Ok, Code::Unknown]) {
            bench.calls(endpoint, code, 5);
        }
        bench.end_interval().await;
        assert_eq!(bench.in_use(), BTreeSet::from(["10.0.0.1:1".into(), "10.0.0.2:1".into()]));
        let third = bench.subchannel(&list[2]);
        assert!(!bench.controller.made[&third].is_shut_down(), "the connection is kept");
        assert_eq!(bench.controller.connects(), [], "there is nothing to connect");
        assert_eq!(bench.time_until_in_use(&list[2]).await, Duration::from_millis(100));
    }
}

/// grpc-go: `TestEjectUnejectSuccessRate`, `TestEjectFailureRate`.
#[tokio::test(start_paused = true)]
async fn three_servers_of_which_one_fails() {
    for (failing, max_percent, enforcement, expected) in
        [(1, 10, 100, 1), (0, 10, 100, 0), (1, 10, 0, 0), (1, 0, 100, 0)]
    {
        let settings = json!({
            "maxEjectionPercent": max_percent,
            "failurePercentageEjection": {
                "threshold": 50, "enforcementPercentage": enforcement, "minimumHosts": 3, "requestVolume": 3,
            },
        });
        let list = endpoints(1..=3);
        let mut bench = Bench::new(settings, &list);
        for endpoint in &list {
            bench.calls(endpoint, Code::Ok, 5);
        }
        bench.end_interval().await;
        assert_eq!(ejected(&mut bench, &list), 0, "all are well");
        for (index, endpoint) in list.iter().enumerate() {
            let code = if index < 3 - failing { Code::Ok } else { Code::Internal };
            bench.calls(endpoint, code, 5);
        }
        bench.end_interval().await;
        let row = (failing, max_percent, enforcement);
        assert_eq!(ejected(&mut bench, &list), expected, "{row:?}");
        for _ in 0..3 {
            bench.end_interval().await;
        }
        assert_eq!(ejected(&mut bench, &list), 0, "30 s are over: {row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ejections_last_30_60_90_seconds_and_300_at_most() {
    let list = endpoints(1..=2);
    let mut bench = Bench::new(strict(), &list);
    for expected in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300] {
        assert_eq!(ejection_time(&mut bench, &list[0]).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ejection_lasts_at_least_the_base_time_if_that_is_above_the_maximum() {
    let mut settings = strict();
    settings["baseEjectionTime"] = "40s".into();
    settings["maxEjectionTime"] = "20s".into();
    let list = endpoints(1..=2);
    let mut bench = Bench::new(settings, &list);
    assert_eq!(ejection_time(&mut bench, &list[0]).await, 40);
    assert_eq!(ejection_time(&mut bench, &list[0]).await, 40);
}

#[tokio::test(start_paused = true)]
async fn each_good_interval_makes_up_for_one_ejection() {
    for (good_intervals, expected) in [(0, 90), (1, 60), (2, 30), (3, 30)] {
        let list = endpoints(1..=2);
        let mut bench = Bench::new(strict(), &list);
        assert_eq!(ejection_time(&mut bench, &list[0]).await, 30);
        assert_eq!(ejection_time(&mut bench, &list[0]).await, 60);
        for _ in 0..good_intervals {
            bench.end_interval().await;
        }
        assert_eq!(ejection_time(&mut bench, &list[0]).await, expected, "{good_intervals}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_end_late_do_not_make_an_ejection_longer() {
    let list = endpoints(1..=2);
    let mut bench = Bench::new(strict(), &list);
    bench.calls(&list[0], Code::Internal, 2);
    bench.end_interval().await;
    bench.calls(&list[0], Code::Internal, 2);
    assert_eq!(bench.time_until_in_use(&list[0]).await.as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn an_outlier_by_both_algorithms_is_ejected_once() {
    let settings = json!({
        "maxEjectionPercent": 100, "successRateEjection": {}, "failurePercentageEjection": {},
    });
    let list = endpoints(1..=5);
    let mut bench = Bench::new(settings, &list);
    for endpoint in &list[..4] {
        bench.calls(endpoint, Code::Ok, 100);
    }
    bench.calls(&list[4], Code::Internal, 100);
    bench.end_interval().await;
    assert_eq!(ejected(&mut bench, &list), 1);
    assert_eq!(bench.time_until_in_use(&list[4]).await.as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn so_many_percent_of_the_endpoints_are_ejected_and_at_least_one() {
    for (count, percent, expected) in [
        (5, 10, 1),
        (20, 10, 2),
        // 0 and 6.7 % are below 10 %, 13.3 % is not.
        (15, 10, 2),
        (3, 33, 1),
        (3, 34, 2),
        (10, 99, 10),
        (10, 100, 10),
        (10, 0, 0),
    ] {
        let mut settings = strict();
        settings["maxEjectionPercent"] = percent.into();
        let list = endpoints(1..=count);
        let mut bench = Bench::new(settings, &list);
        for interval in 0..2 {
            for endpoint in &list {
                bench.calls(endpoint, Code::Internal, 2);
            }
            bench.end_interval().await;
            let row = (count, percent, interval);
            assert_eq!(ejected(&mut bench, &list), expected, "{row:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_percent_of_the_outliers_are_ejected_by_chance() {
    fastrand::seed(50);
    for (enforcement, expected) in [(0, 0..=0), (50, 75..=125), (100, 200..=200)] {
        let mut settings = strict();
        settings["failurePercentageEjection"]["enforcementPercentage"] = enforcement.into();
        let list = endpoints(1..=200);
        let mut bench = Bench::new(settings, &list);
        for endpoint in &list {
            bench.calls(endpoint, Code::Internal, 2);
        }
        bench.end_interval().await;
        let ejected = ejected(&mut bench, &list);
        assert!(expected.contains(&ejected), "{ejected} of 200 at {enforcement} %");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_calls_of_the_interval_count() {
    let list = endpoints(1..=5);
    let mut bench = Bench::new(json!({ "failurePercentageEjection": {} }), &list);
    for (failures, expected) in [(30, 0), (30, 0), (50, 1)] {
        for endpoint in &list[..4] {
            bench.calls(endpoint, Code::Ok, 50);
        }
        bench.calls(&list[4], Code::Internal, 50 - failures);
        bench.end_interval().await;
        for endpoint in &list[..4] {
            bench.calls(endpoint, Code::Ok, 50);
        }
        bench.calls(&list[4], Code::Internal, failures);
        bench.end_interval().await;
        assert_eq!(ejected(&mut bench, &list), expected, "{failures}");
    }
}

/// grpc-go: `TestNoopConfiguration`, `TestEjectFailureRate`.
#[tokio::test(start_paused = true)]
async fn without_an_algorithm_nothing_is_ejected_and_what_was_comes_back() {
    let list = endpoints(1..=3);
    let mut bench = Bench::new(json!({}), &list);
    bench.calls(&list[2], Code::Internal, 100);
    assert_eq!(bench.policy.wake_at(), None, "nothing is judged");
    bench.update(strict(), &list);
    bench.end_interval().await;
    assert_eq!(ejected(&mut bench, &list), 0, "calls from before do not count");
    bench.calls(&list[2], Code::Internal, 100);
    bench.end_interval().await;
    assert!(!bench.is_in_use(&list[2]));
    bench.update(json!({}), &list);
    assert_eq!(ejected(&mut bench, &list), 0);
    assert_eq!(bench.policy.wake_at(), None);
    bench.update(strict(), &list);
    assert_eq!(ejection_time(&mut bench, &list[2]).await, 30, "as if it were the first time");
}

/// grpc-go: `TestDurationOfInterval`.
#[tokio::test(start_paused = true)]
async fn a_new_interval_counts_from_when_the_old_one_began() {
    let began = Instant::now();
    let list = endpoints(1..=3);
    let with = |seconds: &str| json!({ "interval": seconds, "successRateEjection": {} });
    let mut bench = Bench::new(with("8s"), &list);
    assert_eq!(bench.policy.wake_at(), Some(began + Duration::from_secs(8)));
    advance(Duration::from_secs(5)).await;
    bench.update(with("9s"), &list);
    assert_eq!(bench.policy.wake_at(), Some(began + Duration::from_secs(9)));
    bench.update(with("2s"), &list);
    assert!(bench.policy.wake_at().unwrap() <= Instant::now(), "due at once");
    bench.update(json!({ "interval": "10s" }), &list);
    assert_eq!(bench.policy.wake_at(), None);
    bench.update(with("10s"), &list);
    assert_eq!(bench.policy.wake_at(), Some(began + Duration::from_secs(15)), "a new beginning");
    bench.update(with("315576000000s"), &list);
    advance(Duration::from_secs(3600)).await;
    assert!(bench.policy.wake_at().is_none_or(|at| at > Instant::now()));
}

/// grpc-go: `TestMultipleAddressesPerEndpoint`, `TestEjectionStateResetsWhenEndpointAddressesChange`.
#[tokio::test(start_paused = true)]
async fn an_ejected_endpoint_stays_so_when_the_list_changes_around_it() {
    let list = endpoints(1..=3);
    let mut bench = Bench::new(strict(), &list);
    bench.calls(&list[1], Code::Internal, 2);
    bench.end_interval().await;
    bench.update(strict(), &list[1..]);
    assert_eq!(bench.in_use(), BTreeSet::from(["10.0.0.3:1".into()]));
    bench.update(strict(), &list[2..]);
    bench.update(strict(), &list);
    assert_eq!(ejected(&mut bench, &list), 0, "it was gone, and comes as a new one");
}

#[tokio::test(start_paused = true)]
async fn a_connection_made_anew_to_an_ejected_endpoint_is_not_used() {
    let list = endpoints(1..=2);
    let mut bench = Bench::new(strict(), &list);
    bench.calls(&list[0], Code::Internal, 2);
    bench.end_interval().await;
    let id = bench.subchannel(&list[0]);
    let idle = crate::subchannel::SubchannelState::Idle;
    bench.policy.subchannel_changed(id, &idle, &mut bench.controller);
    bench.controller.connect_all(&mut *bench.policy);
    assert_eq!(bench.in_use(), BTreeSet::from(["10.0.0.2:1".into()]));
    assert_eq!(bench.time_until_in_use(&list[0]).await.as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_ejected_calls_fail_with_the_reason() {
    let list = endpoints([1]);
    let mut bench = Bench::new(strict(), &list);
    bench.calls(&list[0], Code::Internal, 2);
    bench.end_interval().await;
    let reason = "ejected as an outlier: 2 of 2 calls have failed";
    assert!(bench.in_use().iter().all(|pick| pick.ends_with(reason)), "{:?}", bench.in_use());
}

/// grpc-go: `TestPickFirstHealthListenerDisabled`.
#[tokio::test(start_paused = true)]
async fn pick_first_by_itself_is_left_alone() {
    let mut settings = strict();
    settings["childPolicy"] = json!([{ "pick_first": {} }]);
    let list = endpoints([1]);
    let mut bench = Bench::new(settings, &list);
    for _ in 0..3 {
        bench.calls(&list[0], Code::Internal, 100);
        bench.end_interval().await;
        assert!(bench.is_in_use(&list[0]));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_when_it_is_shut_down() {
    let list = endpoints(1..=3);
    let mut bench = Bench::new(strict(), &list);
    bench.policy.shut_down();
    assert!(bench.controller.made.values().all(|made| made.is_shut_down()));
    assert_eq!(bench.policy.wake_at(), None);
}

#[tokio::test(start_paused = true)]
async fn the_picker_is_that_of_the_child() {
    let list = endpoints(1..=2);
    let bench = Bench::new(strict(), &list);
    let headers = http::HeaderMap::new();
    let pick = bench.picture.picker.pick(&PickArgs { path: "/a.B/C", headers: &headers });
    assert!(matches!(pick, Pick::Subchannel(_)));
    let of_child = format!("{:?}", bench.picture.picker);
    assert!(of_child.starts_with("RoundRobinPicker"), "{of_child}");
}
