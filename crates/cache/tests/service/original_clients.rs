//! Clients generated from the first cache's proto, package `rpc`: its messages by hand, its paths as they were.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use wayside_balance::Channel;

use crate::support::{System, account, by, channel};

#[derive(Clone, PartialEq, prost::Message)]
struct StoreReq {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "vec", tag = "2")]
    val: Vec<u8>,
    #[prost(string, tag = "3")]
    account_token: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoreResp {}

#[derive(Clone, PartialEq, prost::Message)]
struct GetReq {
    #[prost(string, tag = "1")]
    key: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetResp {
    #[prost(bytes = "vec", tag = "1")]
    val: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DumpReq {}

#[derive(Clone, PartialEq, prost::Message)]
struct DumpItem {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "vec", tag = "2")]
    val: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcError {
    #[prost(int64, tag = "1")]
    code: i64,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(bool, tag = "3")]
    temporary: bool,
    #[prost(int64, tag = "4")]
    user_error_code: i64,
}

impl RpcError {
    /// The error that an original client reads of a status.
    fn of(status: &Status) -> Self {
        let text = status.metadata().get("rpc-error").unwrap();
        Self::decode(BASE64_STANDARD.decode(text).unwrap().as_slice()).unwrap()
    }
}

async fn client(system: &System) -> Grpc<Channel> {
    let mut client = Grpc::new(channel(system.address));
    client.ready().await.unwrap();
    client
}

fn path(method: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(method)
}

#[tokio::test]
async fn store_get_and_dump_work_at_the_original_paths() {
    let system = System::start(&[]).await;
    let mut client = client(&system).await;
    let codec = ProstCodec::<StoreReq, StoreResp>::default();
    let store =
        StoreReq { key: "gopher".into(), val: b"con".to_vec(), account_token: "ann".into() };
    client.unary(Request::new(store), path("/rpc.Cache/Store"), codec).await.unwrap();

    let codec = ProstCodec::<GetReq, GetResp>::default();
    let get = by("ann", GetReq { key: "gopher".into() });
    let response = client.unary(get, path("/rpc.Cache/Get"), codec).await.unwrap();
    assert_eq!(response.into_inner().val, b"con");

    let codec = ProstCodec::<DumpReq, DumpItem>::default();
    let response = client
        .server_streaming(by("ann", DumpReq {}), path("/rpc.Cache/Dump"), codec)
        .await
        .unwrap();
    let mut items = response.into_inner();
    let item = items.message().await.unwrap().unwrap();
    assert_eq!((item.key.as_str(), &item.val[..]), ("gopher", &b"con"[..]));
    assert!(items.message().await.unwrap().is_none());
}

#[tokio::test]
async fn the_original_strings_come_back_with_the_accounts_id_in_place_of_its_token() {
    let system = System::start(&[]).await;
    system.accounts.set("inconshreveable", account("acc_0", 0));
    let mut client = client(&system).await;
    let codec = ProstCodec::<StoreReq, StoreResp>::default();
    let store =
        StoreReq { key: "k".into(), val: Vec::new(), account_token: "inconshreveable".into() };
    let status =
        client.unary(Request::new(store), path("/rpc.Cache/Store"), codec).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "Account acc_0 exceeds max key limit 0");
    assert_eq!((status.code(), status.message()), expected);
    let codec = ProstCodec::<GetReq, GetResp>::default();
    let get = GetReq { key: "k".into() };
    let status =
        client.unary(by("ann", get.clone()), path("/rpc.Cache/Get"), codec).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "Key not found k"));
    // The one deliberate break: Get needs a token now.
    let codec = ProstCodec::<GetReq, GetResp>::default();
    let status = client.unary(Request::new(get), path("/rpc.Cache/Get"), codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn the_original_error_says_whether_to_try_again() {
    let system = System::start(&["--cache-account-ttl", "0s"]).await;
    let mut client = client(&system).await;
    let mut store = async || {
        let message = by("ann", StoreReq { key: "k".into(), ..StoreReq::default() });
        let codec = ProstCodec::<StoreReq, StoreResp>::default();
        let result = client.unary(message, path("/rpc.Cache/Store"), codec).await;
        RpcError::of(&result.unwrap_err())
    };
    system.accounts.set("ann", account("acc_ann", 0));
    let message = "Account acc_ann exceeds max key limit 0".to_owned();
    let expected = RpcError { code: 9, message, temporary: false, user_error_code: 0 };
    assert_eq!(store().await, expected);

    system.accounts.set("ann", Err(Status::unavailable("not now")));
    let message = "accounts could not be asked: not now".to_owned();
    let expected = RpcError { code: 14, message, temporary: true, user_error_code: 0 };
    assert_eq!(store().await, expected);
}
