//! From the creation of an account to its end.

use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wayside_proto::accounts::v1::{
    CreateAccountRequest, DeleteAccountRequest, GetByTokenRequest, ListAccountsRequest,
    RotateTokenRequest, UpdateAccountRequest,
};

use crate::support::{Server, code, create, get_by_token};

const UNKNOWN_ID: &str = "acc_00000000000000000000";

fn bad_fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_error_details();
    let fields: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| violation.field.clone())
        .collect();
    assert!(
        fields.iter().all(|field| status.message().contains(&format!("field {field}:"))),
        "{status}"
    );
    fields
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn an_account_is_found_by_its_token() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let (account, token) = create(&mut client, "ada", 3).await;
    assert_eq!((account.name.as_str(), account.max_cache_keys), ("ada", 3));
    let id = account.id.strip_prefix("acc_").unwrap();
    assert!(
        id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
        "{id}"
    );
    assert!(token.starts_with("way_") && token.len() == 47);
    let age =
        SystemTime::now().duration_since(account.create_time.unwrap().try_into().unwrap()).unwrap();
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(get_by_token(&mut client, &token).await.unwrap(), account);
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_nobodys_is_not_found_and_not_repeated() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    create(&mut client, "ada", 3).await;
    for token in ["", "inconshreveable", &"x".repeat(256)] {
        let status = get_by_token(&mut client, token).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "no account has this token")
        );
        assert_eq!(reason(&status), "TOKEN_UNKNOWN");
    }
    let long = "x".repeat(257);
    let status = get_by_token(&mut client, &long).await.unwrap_err();
    assert_eq!(bad_fields(&status), ["token"]);
    assert!(!format!("{status:?}").contains(&long));
    server.stop().await;
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let name = "x".repeat(129);
    let request = CreateAccountRequest { name: name.clone(), max_cache_keys: -1 };
    assert_eq!(
        bad_fields(&client.create_account(request).await.unwrap_err()),
        ["name", "max_cache_keys"]
    );
    let request = UpdateAccountRequest {
        id: String::new(),
        name: Some("a\nb".into()),
        max_cache_keys: Some(1_000_000_001),
    };
    assert_eq!(
        bad_fields(&client.update_account(request).await.unwrap_err()),
        ["id", "name", "max_cache_keys"]
    );
    let request = ListAccountsRequest { page_size: -1, page_token: "first".into() };
    assert_eq!(
        bad_fields(&client.list_accounts(request).await.unwrap_err()),
        ["page_size", "page_token"]
    );
    assert_eq!(
        bad_fields(&client.rotate_token(RotateTokenRequest::default()).await.unwrap_err()),
        ["id"]
    );
    assert_eq!(
        bad_fields(&client.delete_account(DeleteAccountRequest::default()).await.unwrap_err()),
        ["id"]
    );
    server.stop().await;
}

#[tokio::test]
async fn an_update_changes_what_is_set_and_nothing_else() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let (account, token) = create(&mut client, "ada", 3).await;
    create(&mut client, "grace", 3).await;
    let mut update = async |name: Option<&str>, max_cache_keys| {
        let request = UpdateAccountRequest {
            id: account.id.clone(),
            name: name.map(str::to_owned),
            max_cache_keys,
        };
        Ok::<_, Status>(client.update_account(request).await?.into_inner().account.unwrap())
    };
    assert_eq!(update(None, None).await.unwrap(), account, "nothing set: nothing changed");
    let renamed = update(Some("countess"), None).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.max_cache_keys), ("countess", 3));
    let limited = update(None, Some(0)).await.unwrap();
    assert_eq!((limited.name.as_str(), limited.max_cache_keys), ("countess", 0));
    assert_eq!(update(Some("countess"), None).await.unwrap(), limited, "its own name is not taken");
    let status = update(Some("grace"), Some(9)).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::AlreadyExists, "ACCOUNT_NAME_TAKEN")
    );
    assert_eq!(
        get_by_token(&mut server.client(), &token).await.unwrap(),
        limited,
        "a refused update changes nothing"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_token_stops_working_at_once() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let (account, old) = create(&mut client, "ada", 3).await;
    let (_, bystander) = create(&mut client, "grace", 3).await;
    let new = client
        .rotate_token(RotateTokenRequest { id: account.id.clone() })
        .await
        .unwrap()
        .into_inner()
        .token;
    assert_ne!(new, old);
    assert_eq!(get_by_token(&mut client, &old).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(get_by_token(&mut client, &new).await.unwrap(), account);
    assert_eq!(get_by_token(&mut client, &bystander).await.unwrap().name, "grace");
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_name_is_free() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let (account, token) = create(&mut client, "ada", 3).await;
    let (_, bystander) = create(&mut client, "grace", 3).await;
    let request = DeleteAccountRequest { id: account.id.clone() };
    assert_eq!(code(client.delete_account(request.clone()).await), Code::Ok);
    assert_eq!(get_by_token(&mut client, &token).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(code(client.delete_account(request).await), Code::NotFound);
    assert_eq!(get_by_token(&mut client, &bystander).await.unwrap().name, "grace");
    assert_ne!(create(&mut client, "ada", 3).await.0.id, account.id);
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    // A token in the wrong place is not repeated, as anything that has not the form of an id.
    for (id, repeated) in [(UNKNOWN_ID, true), ("acc_unknown", false), ("way_secret", false)] {
        let id = id.to_owned();
        for status in [
            client
                .update_account(UpdateAccountRequest { id: id.clone(), ..Default::default() })
                .await
                .unwrap_err(),
            client.rotate_token(RotateTokenRequest { id: id.clone() }).await.unwrap_err(),
            client.delete_account(DeleteAccountRequest { id: id.clone() }).await.unwrap_err(),
        ] {
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::NotFound, "ACCOUNT_UNKNOWN")
            );
            assert_eq!(status.message().contains(&id), repeated, "{status}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_callers_that_race_for_a_name_exactly_one_gets_it() {
    let directory = tempfile::tempdir().unwrap();
    for server in [Server::start(&[]).await, Server::on(directory.path()).await] {
        let mut racers = JoinSet::new();
        for limit in 0..32 {
            let mut client = server.client();
            racers.spawn(async move {
                client
                    .create_account(CreateAccountRequest {
                        name: "ada".into(),
                        max_cache_keys: limit,
                    })
                    .await
            });
        }
        let results = racers.join_all().await;
        let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1);
        for status in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(
                (status.code(), reason(status).as_str()),
                (Code::AlreadyExists, "ACCOUNT_NAME_TAKEN"),
                "{status}"
            );
        }
        let kept = server
            .client()
            .list_accounts(ListAccountsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .accounts;
        assert_eq!(kept, [winners[0].get_ref().account.clone().unwrap()]);
        let request = GetByTokenRequest { token: winners[0].get_ref().token.clone() };
        assert_eq!(code(server.client().get_by_token(request).await), Code::Ok);
        server.stop().await;
    }
}
