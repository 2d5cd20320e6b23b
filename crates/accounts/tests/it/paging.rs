//! ListAccounts.

use tonic::Code;
use wayside_proto::accounts::v1::{Account, DeleteAccountRequest, ListAccountsRequest};

use crate::support::{Client, Server, create};

async fn page(client: &mut Client, page_size: i32, page_token: &str) -> (Vec<Account>, String) {
    let request = ListAccountsRequest { page_size, page_token: page_token.to_owned() };
    let page = client.list_accounts(request).await.unwrap().into_inner();
    (page.accounts, page.next_page_token)
}

/// The sizes of all pages, and what was on them.
async fn walk(client: &mut Client, page_size: i32) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut ids, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let (accounts, next) = page(client, page_size, &token).await;
        sizes.push(accounts.len());
        ids.extend(accounts.into_iter().map(|account| account.id));
        if next.is_empty() {
            return (sizes, ids);
        }
        token = next;
    }
}

#[tokio::test]
async fn no_account_is_one_empty_page_and_one_account_one_page() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    assert_eq!(walk(&mut client, 0).await, (vec![0], vec![]));
    let (account, _) = create(&mut client, "ada", 3).await;
    assert_eq!(page(&mut client, 1, "").await, (vec![account], String::new()));
    server.stop().await;
}

#[tokio::test]
async fn every_one_of_2500_accounts_is_on_one_page_in_the_order_of_ids() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    let mut expected = Vec::new();
    for number in 0..2500 {
        expected.push(create(&mut client, &format!("account {number}"), number).await.0.id);
    }
    expected.sort();
    for (page_size, sizes) in [
        (0, vec![50; 50]),
        (500, vec![500; 5]),
        (999, vec![999, 999, 502]),
        (1000, vec![1000, 1000, 500]),
        (i32::MAX, vec![1000, 1000, 500]),
    ] {
        assert_eq!(
            walk(&mut client, page_size).await,
            (sizes, expected.clone()),
            "page size {page_size}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_walk_goes_on_where_it_was_while_accounts_come_and_go() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    for number in 0..6 {
        create(&mut client, &format!("account {number}"), 0).await;
    }
    let (first, token) = page(&mut client, 3, "").await;
    for account in &first {
        client.delete_account(DeleteAccountRequest { id: account.id.clone() }).await.unwrap();
    }
    let (second, end) = page(&mut client, 3, &token).await;
    assert_eq!((second.len(), end.as_str()), (3, ""));
    assert!(second.iter().all(|account| !first.contains(account)));
    server.stop().await;
}

#[tokio::test]
async fn a_page_token_that_is_none_is_refused() {
    let server = Server::start(&[]).await;
    let mut client = server.client();
    for token in ["nonsense", "acc_00000000000000000000", "AAAA"] {
        let request = ListAccountsRequest { page_size: 1, page_token: token.to_owned() };
        let status = client.list_accounts(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status.message().starts_with("field page_token: ") && !status.message().contains(token),
            "{status}"
        );
    }
    server.stop().await;
}
