//! Whole lists, whenever they change.

use tokio::time::timeout;
use tonic::Code;

use crate::support::{File, PATIENCE, Running, greet, next};

#[tokio::test]
async fn the_whole_list_comes_at_once_and_again_when_it_changes() {
    let file = File::of(&["10.0.0.1:1", "10.0.0.2:1"]);
    let server = Running::over(&file).await;
    let mut first = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    let mut second = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    for stream in [&mut first, &mut second] {
        assert_eq!(next(stream).await, ["10.0.0.1:1", "10.0.0.2:1"]);
    }
    file.write(&["10.0.0.2:1", "10.0.0.3:1"]);
    for stream in [&mut first, &mut second] {
        assert_eq!(next(stream).await, ["10.0.0.2:1", "10.0.0.3:1"]);
    }
}

#[tokio::test]
async fn a_service_without_endpoints_is_an_empty_list_with_a_reason_and_the_stream_goes_on() {
    let file = File::of(&[]);
    let server = Running::over(&file).await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    let message = timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
    assert!(message.endpoints.is_empty() && message.reason.contains("empty"), "{message:?}");
    file.write(&["10.0.0.1:1"]);
    assert_eq!(next(&mut stream).await, ["10.0.0.1:1"]);
}

#[tokio::test]
async fn weights_zones_and_names_are_told() {
    let file = File::of(&[]);
    file.write_text(
        r#"{"default/greet:50051": [{"address": "10.0.0.1:1", "weight": 7, "zone": "a", "hostname": "greet-1"}]}"#,
    );
    let server = Running::over(&file).await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    let endpoint = stream.message().await.unwrap().unwrap().endpoints.remove(0);
    assert_eq!(endpoint.addresses, ["10.0.0.1:1"]);
    assert_eq!(
        (endpoint.weight, endpoint.zone.as_str(), endpoint.hostname.as_str()),
        (7, "a", "greet-1")
    );
}

#[tokio::test]
async fn streams_end_with_the_drain_so_that_their_clients_ask_another_replica() {
    let server = Running::over(&File::of(&["10.0.0.1:1"])).await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    next(&mut stream).await;
    server.stop();
    let ended = timeout(PATIENCE, stream.message()).await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    assert!(ended.message().contains("another"), "{ended:?}");
    server.ended().await;
}
