//! The admin token.

use accounts::AdminToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request};
use wayside_proto::accounts::v1::{
    CreateAccountRequest, DeleteAccountRequest, ListAccountsRequest, RotateTokenRequest,
    UpdateAccountRequest,
};

use crate::support::{Client, Server, code, get_by_token};

const TOKEN: &str = "correct-horse-battery-staple";

fn with<T>(authorization: Option<&MetadataValue<Ascii>>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(value) = authorization {
        request.metadata_mut().insert("authorization", value.clone());
    }
    request
}

/// The codes of the five admin methods, called for an account that is there.
async fn codes(
    client: &mut Client,
    authorization: Option<&MetadataValue<Ascii>>,
    id: &str,
) -> [Code; 5] {
    let create = CreateAccountRequest { name: "grace".into(), max_cache_keys: 1 };
    let id = id.to_owned();
    let update = UpdateAccountRequest { id: id.clone(), name: None, max_cache_keys: Some(9) };
    [
        code(client.create_account(with(authorization, create)).await),
        code(client.update_account(with(authorization, update)).await),
        code(client.rotate_token(with(authorization, RotateTokenRequest { id: id.clone() })).await),
        code(client.list_accounts(with(authorization, ListAccountsRequest::default())).await),
        code(client.delete_account(with(authorization, DeleteAccountRequest { id })).await),
    ]
}

#[tokio::test]
async fn an_admin_token_is_needed_by_every_method_but_get_by_token() {
    let server = Server::start(&["--accounts-admin-token", TOKEN]).await;
    let mut client = server.client();
    let right = AdminToken::try_new(TOKEN).unwrap().bearer();
    let ada = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
    let created = client.create_account(with(Some(&right), ada)).await.unwrap().into_inner();
    let account = created.account.unwrap();

    let wrong = AdminToken::try_new("correct-horse-battery-stapler").unwrap().bearer();
    // The token of an account is no admin token.
    let account_token = AdminToken::try_new(&created.token).unwrap().bearer();
    for refused in [None, Some(&wrong), Some(&account_token)] {
        assert_eq!(codes(&mut client, refused, &account.id).await, [Code::Unauthenticated; 5]);
    }
    let found = get_by_token(&mut client, &created.token).await.unwrap();
    assert_eq!(found, account, "nothing was changed, and looking up needs no admin token");
    assert_eq!(get_by_token(&mut client, TOKEN).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(codes(&mut client, Some(&right), &account.id).await, [Code::Ok; 5]);
    server.stop().await;
}

#[tokio::test]
async fn without_an_admin_token_a_caller_on_this_machine_is_an_administrator() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let ada = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
    let id = client.create_account(ada).await.unwrap().into_inner().account.unwrap().id;
    let mut request = Request::new(ListAccountsRequest::default());
    request.metadata_mut().insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
    assert_eq!(
        code(client.list_accounts(request).await),
        Code::PermissionDenied,
        "not for somebody elsewhere"
    );
    assert_eq!(codes(&mut client, None, &id).await, [Code::Ok; 5]);
    server.stop().await;
}
