//! A client generated from the original proto (`package lookaside`) works unchanged.

use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::support::{File, Running};

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    /// `RouterType`: RANDOM is 0, ROUNDROBIN is 1.
    #[prost(int32, tag = "1")]
    router: i32,
    #[prost(string, tag = "2")]
    service: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(string, tag = "1")]
    address: String,
}

async fn resolve(server: &Running, router: i32) -> Result<String, Status> {
    let mut client = Grpc::new(server.channel());
    client.ready().await?;
    let request = Request { router, service: "greet".into(), namespace: "default".into() };
    let path = PathAndQuery::from_static("/lookaside.Lookaside/Resolve");
    let codec = ProstCodec::<Request, Response>::default();
    let response = client.unary(tonic::Request::new(request), path, codec).await?;
    Ok(response.into_inner().address)
}

#[tokio::test]
async fn the_original_client_gets_an_ip_without_a_port() {
    let server = Running::over(&File::of(&["10.0.0.1:50051", "[2001:db8::1]:50051"])).await;
    let mut in_turn = [resolve(&server, 1).await.unwrap(), resolve(&server, 1).await.unwrap()];
    in_turn.sort();
    assert_eq!(in_turn, ["10.0.0.1", "2001:db8::1"]);
    let random = resolve(&server, 0).await.unwrap();
    assert!(in_turn.contains(&random), "0 is RANDOM: {random}");
}

#[tokio::test]
async fn the_original_client_gets_a_status_where_it_got_an_empty_address() {
    let server = Running::over(&File::of(&[])).await;
    assert_eq!(resolve(&server, 7).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(resolve(&server, 1).await.unwrap_err().code(), Code::Unavailable);
}
