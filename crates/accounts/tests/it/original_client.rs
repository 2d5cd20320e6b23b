//! A client of the original API, written out by hand: package `rpc`, and messages as they were.

use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use wayside_balance::Channel;

use crate::support::{Server, create};

#[derive(Clone, PartialEq, prost::Message)]
struct GetByTokenReq {
    #[prost(string, tag = "1")]
    token: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetByTokenResp {
    #[prost(message, optional, tag = "1")]
    account: Option<Account>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Account {
    #[prost(int64, tag = "1")]
    max_cache_keys: i64,
}

async fn get_by_token(channel: Channel, token: &str) -> Result<GetByTokenResp, Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await?;
    let codec = tonic_prost::ProstCodec::<GetByTokenReq, GetByTokenResp>::default();
    let request = Request::new(GetByTokenReq { token: token.to_owned() });
    Ok(grpc
        .unary(request, PathAndQuery::from_static("/rpc.Accounts/GetByToken"), codec)
        .await?
        .into_inner())
}

#[tokio::test]
async fn a_client_of_the_original_api_works_unchanged() {
    let server = Server::start(&[]).await;
    let (_, token) = create(&mut server.client(), "ada", 7).await;
    let response = get_by_token(server.channel(), &token).await.unwrap();
    assert_eq!(response, GetByTokenResp { account: Some(Account { max_cache_keys: 7 }) });
    assert_eq!(
        get_by_token(server.channel(), "inconshreveable").await.unwrap_err().code(),
        Code::NotFound
    );
    server.stop().await;
}
