//! Metadata `dry-run: 1`.

use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use wayside_proto::accounts::v1::{
    Account, CreateAccountRequest, DeleteAccountRequest, GetByTokenRequest, ListAccountsRequest,
    RotateTokenRequest, UpdateAccountRequest,
};

use crate::support::{Client, Server, create, get_by_token};

const UNKNOWN_ID: &str = "acc_00000000000000000000";

/// A request for a dry run.
fn dry<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("dry-run", "1".parse().unwrap());
    request
}

fn is_confirmed(metadata: &MetadataMap) -> bool {
    metadata.get_all("dry-run").iter().eq(["1"])
}

/// The message of an answer that says that it is one of a dry run.
fn confirmed<T>(answer: Result<Response<T>, Status>) -> T {
    let answer = answer.unwrap();
    assert!(is_confirmed(answer.metadata()));
    answer.into_inner()
}

async fn list(client: &mut Client) -> Vec<Account> {
    client.list_accounts(ListAccountsRequest::default()).await.unwrap().into_inner().accounts
}

fn create_request(name: &str, max_cache_keys: i64) -> CreateAccountRequest {
    CreateAccountRequest { name: name.to_owned(), max_cache_keys }
}

fn update_request(id: &str, name: &str) -> UpdateAccountRequest {
    UpdateAccountRequest { id: id.to_owned(), name: Some(name.to_owned()), max_cache_keys: None }
}

#[tokio::test]
async fn a_dry_run_is_answered_as_if_it_were_done_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    for server in [Server::start(&[]).await, Server::on(directory.path()).await] {
        let mut client = server.client();
        let (ada, token) = create(&mut client, "ada", 3).await;
        let before = list(&mut client).await;

        let created = confirmed(client.create_account(dry(create_request("grace", 7))).await);
        let account = created.account.unwrap();
        assert_eq!((account.name.as_str(), account.max_cache_keys), ("grace", 7));
        assert_eq!((account.id.as_str(), created.token.as_str()), ("", ""), "neither exists");

        let updated = confirmed(client.update_account(dry(update_request(&ada.id, "eve"))).await);
        assert_eq!(updated.account.unwrap(), Account { name: "eve".into(), ..ada.clone() });

        let rotate = RotateTokenRequest { id: ada.id.clone() };
        assert_eq!(confirmed(client.rotate_token(dry(rotate)).await).token, "");

        let delete = DeleteAccountRequest { id: ada.id.clone() };
        confirmed(client.delete_account(dry(delete)).await);

        let found = GetByTokenRequest { token: token.clone() };
        assert_eq!(confirmed(client.get_by_token(dry(found)).await).account, Some(ada.clone()));
        let listed = confirmed(client.list_accounts(dry(ListAccountsRequest::default())).await);
        assert_eq!(listed.accounts, before);

        assert_eq!(list(&mut client).await, before);
        assert_eq!(get_by_token(&mut client, &token).await.unwrap(), ada, "the old token works");
        let (grace, token) = create(&mut client, "grace", 7).await;
        assert!(!grace.id.is_empty() && !token.is_empty(), "the name was not taken by the dry run");
        server.stop().await;
    }
}

/// What a call ends in, really and in a dry run; the two have to be the same, and only the second is confirmed.
macro_rules! refused {
    ($client:ident.$method:ident($message:expr)) => {{
        let message = $message;
        let real = $client.$method(message.clone()).await.map(drop).unwrap_err();
        let dry = $client.$method(dry(message)).await.map(drop).unwrap_err();
        assert!(is_confirmed(dry.metadata()) && !is_confirmed(real.metadata()), "{dry:?}");
        assert_eq!((dry.code(), dry.message()), (real.code(), real.message()));
        assert_eq!(dry.details(), real.details());
        real.code()
    }};
}

#[tokio::test]
async fn a_dry_run_fails_as_the_real_call_does() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let (ada, _) = create(&mut client, "ada", 3).await;
    create(&mut client, "grace", 3).await;
    let before = list(&mut client).await;

    let bad = Code::InvalidArgument;
    assert_eq!(refused!(client.create_account(create_request("", -1))), bad);
    assert_eq!(refused!(client.update_account(update_request("", "a\nb"))), bad);
    assert_eq!(refused!(client.rotate_token(RotateTokenRequest::default())), bad);
    assert_eq!(refused!(client.delete_account(DeleteAccountRequest::default())), bad);
    let page = ListAccountsRequest { page_size: -1, page_token: String::new() };
    assert_eq!(refused!(client.list_accounts(page)), bad);

    let taken = Code::AlreadyExists;
    assert_eq!(refused!(client.create_account(create_request("ada", 3))), taken);
    assert_eq!(refused!(client.update_account(update_request(&ada.id, "grace"))), taken);

    let unknown = Code::NotFound;
    for id in [UNKNOWN_ID, "way_secret"] {
        let id = id.to_owned();
        assert_eq!(refused!(client.update_account(update_request(&id, "eve"))), unknown);
        assert_eq!(refused!(client.rotate_token(RotateTokenRequest { id: id.clone() })), unknown);
        assert_eq!(refused!(client.delete_account(DeleteAccountRequest { id })), unknown);
    }
    let nobody = GetByTokenRequest { token: "inconshreveable".to_owned() };
    assert_eq!(refused!(client.get_by_token(nobody)), unknown);

    assert_eq!(list(&mut client).await, before);
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_administer_may_not_try_to_either() {
    let server = Server::start(&["--accounts-admin-token", "correct-horse-battery-staple"]).await;
    let mut client = server.client();
    let id = UNKNOWN_ID.to_owned();
    let refusal = Code::Unauthenticated;
    assert_eq!(refused!(client.create_account(create_request("ada", 3))), refusal);
    assert_eq!(refused!(client.update_account(update_request(&id, "ada"))), refusal);
    assert_eq!(refused!(client.rotate_token(RotateTokenRequest { id: id.clone() })), refusal);
    assert_eq!(refused!(client.delete_account(DeleteAccountRequest { id })), refusal);
    assert_eq!(refused!(client.list_accounts(ListAccountsRequest::default())), refusal);
    server.stop().await;
}
