//! A client generated from the original, unversioned proto (`package greet`) works unchanged. media, cache and accounts have the
//! same test in their own crates.

use greet::Greet;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

use crate::support::Running;

#[derive(Clone, PartialEq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    first_name: String,
    #[prost(string, tag = "2")]
    last_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GreetingRequest {
    #[prost(message, optional, tag = "1")]
    greeting: Option<Greeting>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GreetingResponse {
    /// `Result`, with a capital R, in the original.
    #[prost(string, tag = "1")]
    result: String,
}

#[tokio::test]
async fn the_original_greet_client_is_answered() {
    let server = Running::start::<Greet>(&["--greet-pod-name", "n", "--greet-pod-ip", "i"]).await;
    let mut client = Grpc::new(server.channel());
    client.ready().await.unwrap();
    let greeting = Greeting { first_name: "Ada".into(), last_name: "Lovelace".into() };
    let request = tonic::Request::new(GreetingRequest { greeting: Some(greeting) });
    let path = PathAndQuery::from_static("/greet.GreetService/Greet");
    let codec = ProstCodec::<GreetingRequest, GreetingResponse>::default();
    let response = client.unary(request, path, codec).await.unwrap().into_inner();
    assert_eq!(response.result, "Hello, Ada Lovelace from pod: name(n), ip(i).");
}
