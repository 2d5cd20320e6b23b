//! What an API server can do wrong. The last list is kept, and the next one comes within a second of the server's recovery.

use axum::http::StatusCode;
use lookaside::kubernetes::Kubernetes;
use serde_json::json;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{Watched, addresses};
use crate::fake_api::{FakeApi, pods, slice};

const SECOND: Duration = Duration::from_secs(1);

/// A resolver that watches a service with one endpoint.
async fn watched() -> Watched {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1])));
    assert_eq!(greet.next().await, addresses([1]));
    greet.watching().await;
    greet.api.requests();
    greet
}

fn two() -> serde_json::Value {
    slice("greet-1", "greet", pods([1, 2]))
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watch_goes_on_from_the_version_that_was_seen_last() {
    let mut greet = watched().await;
    for n in 2..10 {
        greet.api.cut();
        greet.api.put(slice("greet-1", "greet", pods([n])));
        assert_eq!(greet.within(SECOND).await, addresses([n]));
    }
    let requests = greet.api.requests();
    assert!(requests.iter().all(|request| request.is_watch), "{requests:?}");
    greet.api.cut();
    greet.silence(Duration::from_secs(60)).await;
    assert_eq!(greet.api.requests().last().unwrap().from, "9", "of the last change");
}

#[tokio::test(start_paused = true)]
async fn watches_that_are_dropped_at_once_do_not_make_it_ask_more_than_twice_a_second() {
    let mut greet = watched().await;
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        greet.api.cut();
        greet.silence(Duration::from_millis(20)).await;
    }
    let asked = greet.api.requests().len();
    assert!((45..=61).contains(&asked), "{asked} in 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_is_listed_anew() {
    let mut greet = watched().await;
    for (n, during_the_watch) in [(2, false), (3, true), (4, false)] {
        greet.api.put(slice("other-1", "other", pods([n])));
        if during_the_watch {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "too old resource version: 1 (2)", "reason": "Expired", "code": 410});
            greet.api.behave(|behaviour| behaviour.mute = true);
            greet.api.put(slice("greet-1", "greet", pods([n])));
            greet.api.forget();
            greet.api.behave(|behaviour| behaviour.mute = false);
            greet.api.send(json!({"type": "ERROR", "object": status}).to_string());
        } else {
            greet.api.cut();
            greet.api.put(slice("greet-1", "greet", pods([n])));
            greet.api.forget();
        }
        assert_eq!(greet.within(SECOND).await, addresses([n]));
        greet.silence(2 * SECOND).await;
        assert_eq!(greet.api.open_watches(), 1, "it watches again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_is_no_news_but_where_the_next_watch_begins() {
    let mut greet = watched().await;
    let version = greet.api.bookmark();
    greet.silence(Duration::from_secs(10)).await;
    greet.api.forget();
    greet.api.cut();
    greet.silence(2 * SECOND).await;
    let requests = greet.api.requests();
    assert_eq!(requests.len(), 1, "no list: {requests:?}");
    assert_eq!(requests[0].from, version);
    greet.api.put(two());
    assert_eq!(greet.within(SECOND).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_list_without_slices_leaves_the_last_endpoints_in_use() {
    let mut greet = watched().await;
    greet.api.delete("greet-1");
    greet.silence(Duration::from_secs(120)).await;
    greet.api.forget();
    greet.api.cut();
    greet.silence(Duration::from_secs(120)).await;
    greet.api.put(two());
    assert_eq!(greet.within(SECOND).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_scaled_to_nothing_has_no_endpoints() {
    let mut greet = watched().await;
    let mut scaled = slice("greet-1", "greet", Vec::new());
    scaled["endpoints"] = json!(null);
    greet.api.put(scaled);
    assert_eq!(greet.within(SECOND).await, addresses([]));
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_an_api_server_is_over_within_a_second() {
    let mut greet = watched().await;
    greet.api.behave(|behaviour| behaviour.down = true);
    greet.silence(Duration::from_secs(60)).await;
    greet.api.put(two());
    greet.api.behave(|behaviour| behaviour.down = false);
    assert_eq!(greet.within(SECOND).await, addresses([1, 2]));
    let requests = greet.api.requests();
    assert!(requests.iter().all(|request| request.is_watch), "no list is needed: {requests:?}");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_answers_500_is_over_within_a_second_and_costs_two_requests_a_second() {
    let mut greet = watched().await;
    greet.api.behave(|behaviour| behaviour.refuse = Some(StatusCode::INTERNAL_SERVER_ERROR));
    greet.api.cut();
    greet.silence(Duration::from_secs(3600)).await;
    let asked = greet.api.requests().len();
    assert!((5900..=7201).contains(&asked), "{asked}");
    greet.api.put(two());
    greet.api.behave(|behaviour| behaviour.refuse = None);
    assert_eq!(greet.within(SECOND).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn all_resolvers_of_a_process_together_ask_no_more_than_one() {
    let api = FakeApi::new();
    let kubernetes = Kubernetes::with_client(api.client());
    let mut all = tokio::task::JoinSet::new();
    for n in 0..50_u8 {
        api.put(slice(&format!("greet-{n}"), &format!("greet{n}"), pods([n])));
        let mut greet = Watched::of(&api, &kubernetes, &format!("shop/greet{n}:grpc"));
        all.spawn(async move {
            assert_eq!(greet.next().await, addresses([n]));
            assert_eq!(greet.within(Duration::from_secs(100)).await, addresses([n, 200]));
        });
    }
    while api.open_watches() < 50 {
        sleep(Duration::from_millis(10)).await;
    }
    api.behave(|behaviour| behaviour.refuse = Some(StatusCode::SERVICE_UNAVAILABLE));
    api.cut();
    sleep(SECOND).await;
    api.requests();
    sleep(Duration::from_secs(60)).await;
    let asked = api.requests().len();
    assert!((110..=121).contains(&asked), "{asked} requests in a minute");
    (0..50)
        .for_each(|n| api.put(slice(&format!("greet-{n}"), &format!("greet{n}"), pods([n, 200]))));
    api.behave(|behaviour| behaviour.refuse = None);
    let recovered = async { while all.join_next().await.transpose().unwrap().is_some() {} };
    timeout(SECOND + Duration::from_millis(100), recovered).await.expect("all are back");
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_server_is_waited_for() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1])));
    greet.api.behave(|behaviour| behaviour.slow = Duration::from_secs(8));
    assert_eq!(greet.within(Duration::from_secs(9)).await, addresses([1]));
    greet.api.put(two());
    assert_eq!(greet.within(Duration::from_secs(9)).await, addresses([1, 2]));
    assert_eq!(greet.api.requests().len(), 2, "nothing is asked twice");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_never_answers_is_asked_again_in_the_end() {
    let mut greet = watched().await;
    greet.api.behave(|behaviour| behaviour.slow = Duration::from_secs(100_000));
    greet.api.cut();
    greet.silence(Duration::from_secs(15)).await;
    greet.api.behave(|behaviour| behaviour.slow = Duration::ZERO);
    greet.api.put(two());
    assert_eq!(greet.within(Duration::from_secs(31)).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_loses_no_change() {
    let mut greet = watched().await;
    for (n, line) in [
        (2, "{\"type\": \"MODIFIED\", \"obj"),
        (3, "<html>"),
        (4, "{\"type\": \"MODIFIED\", \"object\": {\"kind\": \"Pod\"}}"),
        (5, "{\"type\": \"NEW\"}"),
    ] {
        greet.api.behave(|behaviour| behaviour.mute = true);
        greet.api.put(slice("greet-1", "greet", pods([n])));
        greet.api.forget();
        greet.api.behave(|behaviour| behaviour.mute = false);
        greet.api.send(line);
        assert_eq!(greet.within(SECOND).await, addresses([n]), "after {line}");
        greet.watching().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_leaves_the_last_endpoints_in_use() {
    let mut greet = watched().await;
    for list in [
        "",
        "{\"kind\": \"EndpointSliceList\", \"items\": [{",
        "<html>Bad Gateway</html>",
        "{\"kind\": \"PodList\", \"items\": []}",
    ] {
        greet.api.behave(|behaviour| behaviour.list = Some(list));
        greet.api.cut();
        greet.api.put(slice("other-1", "other", pods([1])));
        greet.api.forget();
        greet.silence(Duration::from_secs(60)).await;
        greet.api.behave(|behaviour| behaviour.list = None);
        greet.silence(SECOND).await;
        greet.watching().await;
    }
    greet.api.put(two());
    assert_eq!(greet.within(SECOND).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_says_nothing_is_opened_again_when_the_channel_loses_a_server() {
    let mut greet = watched().await;
    greet.silence(Duration::from_secs(30)).await;
    greet.api.deafen();
    greet.api.put(two());
    greet.silence(Duration::from_secs(20)).await;
    assert!(greet.api.requests().is_empty(), "nobody doubts it");
    greet.resolve_now.want();
    greet.silence(Duration::from_millis(1900)).await;
    assert_eq!(greet.within(Duration::from_millis(200)).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_dead_is_noticed_in_the_end_even_if_nobody_asks() {
    let mut greet = watched().await;
    greet.api.deafen();
    greet.api.put(two());
    assert_eq!(greet.within(Duration::from_secs(96)).await, addresses([1, 2]));
}

#[tokio::test(start_paused = true)]
async fn servers_that_are_lost_all_the_time_do_not_make_it_ask_all_the_time() {
    let mut greet = watched().await;
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        greet.resolve_now.want();
        greet.silence(Duration::from_millis(100)).await;
    }
    let asked = greet.api.requests().len();
    assert!((4..=7).contains(&asked), "{asked} in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_loses_nothing() {
    let mut greet = watched().await;
    for n in 2..50 {
        greet.api.put(slice("greet-1", "greet", pods([n])));
        // Whoever asks waits for something else too, and asks again.
        let answer = loop {
            let answer = greet.resolver.endpoints(&greet.resolve_now);
            if let Ok(answer) = timeout(Duration::from_micros(200), answer).await {
                break answer.unwrap();
            }
        };
        assert_eq!(answer[0].addresses[0].to_string(), addresses([n])[0]);
    }
}
