//! A client of the original API, written out by hand: package `rpc`, and messages as they were.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use wayside_balance::Channel;

use crate::support::{Server, create, get_by_token};

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

/// What went wrong, in base64 in the trailer `rpc-error`.
#[derive(Clone, PartialEq, prost::Message)]
struct Error {
    #[prost(int64, tag = "1")]
    code: i64,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(bool, tag = "3")]
    temporary: bool,
    #[prost(int64, tag = "4")]
    user_error_code: i64,
}

async fn original_get_by_token(channel: Channel, token: &str) -> Result<GetByTokenResp, Status> {
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
    let response = original_get_by_token(server.channel(), &token).await.unwrap();
    assert_eq!(response, GetByTokenResp { account: Some(Account { max_cache_keys: 7 }) });
    server.stop().await;
}

#[tokio::test]
async fn an_error_is_told_in_the_original_form_to_clients_of_the_original_api_only() {
    let server = Server::start(&[]).await;
    let status = original_get_by_token(server.channel(), "inconshreveable").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let bytes = BASE64_STANDARD.decode(status.metadata().get("rpc-error").unwrap()).unwrap();
    let expected = Error {
        code: 5,
        message: "no account has this token".to_owned(),
        temporary: false,
        user_error_code: 0,
    };
    assert_eq!(Error::decode(bytes.as_slice()).unwrap(), expected);

    let status = get_by_token(&mut server.client(), "inconshreveable").await.unwrap_err();
    assert_eq!(status.metadata().get("rpc-error"), None);
    server.stop().await;
}
