//! Who is an endpoint.

use serde_json::json;
use tokio::time::Duration;

use super::{Watched, addresses};
use crate::fake_api::{endpoint, many, not_ready, of_pod, on_port, pods, slice, terminating};

#[tokio::test(start_paused = true)]
async fn changes_of_any_slice_are_told_as_they_happen_and_others_are_not() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1, 2])));
    greet.api.put(slice("media-1", "media", pods([9])));
    assert_eq!(greet.next().await, addresses([1, 2]));
    greet.watching().await;
    greet.api.put(slice("greet-2", "greet", pods([3])));
    assert_eq!(greet.within(Duration::from_millis(2)).await, addresses([1, 2, 3]));
    greet.api.put(slice("greet-1", "greet", pods([2])));
    assert_eq!(greet.within(Duration::from_millis(2)).await, addresses([2, 3]));
    greet.api.delete("greet-2");
    assert_eq!(greet.within(Duration::from_millis(2)).await, addresses([2]));
    greet.api.put(slice("media-1", "media", pods([8])));
    greet.silence(Duration::from_secs(600)).await;
    let lists = greet.api.requests().iter().filter(|request| !request.is_watch).count();
    assert_eq!(lists, 1, "it never polls");
}

#[tokio::test(start_paused = true)]
async fn the_authority_is_the_name_of_the_service_in_the_cluster_and_the_zone_is_told() {
    for (target, authority) in
        [("shop/greet:50051", "greet.shop.svc:50051"), ("greet:grpc", "greet.shop.svc")]
    {
        let mut greet = Watched::new(target);
        greet.api.put(slice("greet-1", "greet", pods([1])));
        let answer = greet.resolver.endpoints(&greet.resolve_now).await.unwrap();
        assert_eq!(answer[0].authority, authority);
        assert_eq!(answer[0].zone.as_deref(), Some("a"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_in_several_slices_is_one_endpoint_in_the_best_state_that_is_told() {
    let mut greet = Watched::new("shop/greet:grpc");
    let going = |n: u8| terminating(endpoint(&format!("10.0.0.{n}")), true);
    greet.api.put(slice("greet-1", "greet", vec![going(2), not_ready(endpoint("10.0.0.1"))]));
    greet.api.put(slice("greet-2", "greet", pods([1, 2])));
    greet.api.put(slice("greet-3", "greet", vec![endpoint("10.0.0.2"), going(1)]));
    assert_eq!(greet.next().await, addresses([1, 2]));
    greet.watching().await;
    greet.api.delete("greet-2");
    assert_eq!(greet.next().await, addresses([2]));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_said_about_ready_means_ready() {
    let mut greet = Watched::new("shop/greet:grpc");
    let mut endpoints = pods([1, 2, 3]);
    endpoints[0]["conditions"] = json!({"ready": null});
    endpoints[1]["conditions"] = json!({});
    endpoints[2].as_object_mut().unwrap().remove("conditions");
    endpoints.push(not_ready(endpoint("10.0.0.4")));
    greet.api.put(slice("greet-1", "greet", endpoints));
    assert_eq!(greet.next().await, addresses([1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn terminating_endpoints_get_calls_only_while_they_serve_and_nobody_is_ready() {
    let mut greet = Watched::new("shop/greet:grpc");
    let going = |n, serving| terminating(endpoint(&format!("10.0.0.{n}")), serving);
    let put = |last| slice("greet-1", "greet", vec![going(1, true), going(2, false), last]);
    greet.api.put(put(endpoint("10.0.0.3")));
    assert_eq!(greet.next().await, addresses([3]), "a ready one is left");
    greet.watching().await;
    greet.api.put(put(not_ready(endpoint("10.0.0.3"))));
    assert_eq!(greet.next().await, addresses([1]), "those that serve are better than none");
    greet.api.put(slice("greet-1", "greet", vec![going(1, false)]));
    assert_eq!(greet.next().await, addresses([]));
}

#[tokio::test(start_paused = true)]
async fn both_addresses_of_a_pod_are_one_endpoint() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-6", "greet", vec![of_pod("fd00::1", "a"), of_pod("fd00::2", "b")]));
    greet.api.put(slice(
        "greet-4",
        "greet",
        vec![of_pod("10.0.0.1", "a"), of_pod("10.0.0.3", "c")],
    ));
    let expected = ["10.0.0.1:50051 + [fd00::1]:50051", "10.0.0.3:50051", "[fd00::2]:50051"];
    assert_eq!(greet.next().await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_named_port_has_the_number_of_its_slice() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(on_port(slice("greet-1", "greet", pods([1])), 50051));
    greet.api.put(on_port(slice("greet-2", "greet", pods([2])), 50052));
    assert_eq!(greet.next().await, ["10.0.0.1:50051", "10.0.0.2:50052"]);
}

#[tokio::test(start_paused = true)]
async fn a_numbered_port_takes_the_slices_that_have_it() {
    let mut greet = Watched::new("shop/greet:50052");
    greet.api.put(on_port(slice("greet-1", "greet", pods([1])), 50051));
    greet.api.put(on_port(slice("greet-2", "greet", pods([2])), 50052));
    let mut unrestricted = slice("greet-3", "greet", pods([3]));
    unrestricted["ports"] = json!(null);
    greet.api.put(unrestricted);
    assert_eq!(greet.next().await, ["10.0.0.2:50052", "10.0.0.3:50052"]);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_the_service_does_not_have_is_told_with_those_that_it_has() {
    let mut greet = Watched::new("shop/greet:http");
    let mut one = slice("greet-1", "greet", pods([1]));
    one["ports"] =
        json!([{"name": "grpc", "port": 50051}, {"name": "http", "port": 53, "protocol": "UDP"}]);
    greet.api.put(one);
    let error = greet.failure().await.to_string();
    assert!(error.contains("'shop' has no TCP port 'http', only grpc (50051)"), "{error}");
    greet.watching().await;
    let mut one = slice("greet-1", "greet", pods([1]));
    one["ports"][0]["name"] = "http".into();
    greet.api.put(one);
    assert_eq!(greet.next().await, addresses([1]), "it goes on by itself");
}

#[tokio::test(start_paused = true)]
#[expect(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]
async fn ten_thousand_endpoints_in_a_hundred_slices_are_one_answer() {
    let mut greet = Watched::new("shop/greet:grpc");
    let slices = many(100);
    greet.api.put_all(slices.clone());
    let start = std::time::SystemTime::now();
    assert_eq!(greet.within(Duration::from_secs(60)).await.len(), 10_000);
    let listed = start.elapsed().unwrap();
    greet.watching().await;
    let emptied = |mut slice: serde_json::Value| {
        slice["endpoints"].as_array_mut().unwrap().truncate(50);
        slice
    };
    let start = std::time::SystemTime::now();
    greet.api.put_all(slices.into_iter().map(emptied).collect());
    assert_eq!(greet.within(Duration::from_secs(60)).await.len(), 5_000, "one answer for all");
    let changed = start.elapsed().unwrap();
    println!("10,000 endpoints: listed in {listed:?}, 100 slices changed in {changed:?}");
    assert_eq!(greet.api.requests().len(), 2, "one list, one watch");
}

#[tokio::test(start_paused = true)]
async fn a_list_of_several_pages_is_one_answer() {
    let mut greet = Watched::new("shop/greet:grpc");
    let mut slices = many(250);
    slices.iter_mut().for_each(|slice| slice["endpoints"].as_array_mut().unwrap().truncate(2));
    greet.api.put_all(slices);
    assert_eq!(greet.next().await.len(), 500);
    assert_eq!(greet.api.requests().iter().filter(|request| !request.is_watch).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_order_is_the_same_for_every_list_but_not_that_of_the_addresses() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods(1..=200)));
    let first = greet.resolver.endpoints(&greet.resolve_now).await.unwrap();
    greet.watching().await;
    greet.api.put(slice("greet-1", "greet", pods(1..=199)));
    let second = greet.resolver.endpoints(&greet.resolve_now).await.unwrap();
    let kept: Vec<_> = first.iter().filter(|endpoint| second.contains(endpoint)).collect();
    assert_eq!(kept, second.iter().collect::<Vec<_>>());
    let mut sorted = second.clone();
    sorted.sort_by_key(|endpoint| endpoint.addresses[0].clone());
    assert_ne!(sorted, second, "every client of pick_first would go to the same pod");
}
