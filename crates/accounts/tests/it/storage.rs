//! What is kept in a data directory, and what is not.

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::time::{Duration, sleep, timeout};
use wayside_proto::accounts::v1::{ListAccountsRequest, RotateTokenRequest};

use crate::support::{Server, create, get_by_token};

#[tokio::test]
async fn without_a_data_directory_every_server_has_accounts_of_its_own() {
    let (server, other) = (Server::start(&[]).await, Server::start(&[]).await);
    create(&mut server.client(), "ada", 3).await;
    let accounts = other
        .client()
        .list_accounts(ListAccountsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .accounts;
    assert_eq!(accounts, []);
    server.stop().await;
    other.stop().await;
}

/// Everything in the files of a directory, one after the other.
fn bytes(directory: &Path) -> Vec<u8> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| fs::read(path).unwrap()).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn only_the_digest_of_a_token_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::on(directory.path()).await;
    let mut client = server.client();
    let (account, first) = create(&mut client, "ada", 3).await;
    let second = client
        .rotate_token(RotateTokenRequest { id: account.id })
        .await
        .unwrap()
        .into_inner()
        .token;
    get_by_token(&mut client, &second).await.unwrap();
    let log = directory.path().join("accounts.db-wal");
    assert!(log.is_file(), "the log of the database is looked at, too");
    assert_only_the_digest_of_the_last_is_in(directory.path(), &[&first, &second]);
    server.stop().await;
    // The last connection moves the log into the database as it closes, a moment after the server has let go of it.
    timeout(Duration::from_secs(10), async {
        while log.exists() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_only_the_digest_of_the_last_is_in(directory.path(), &[&first, &second]);
}

fn assert_only_the_digest_of_the_last_is_in(directory: &Path, tokens: &[&str]) {
    let stored = bytes(directory);
    let last = digest(&SHA256, tokens.last().unwrap().as_bytes());
    assert!(contains(&stored, BASE64_URL_SAFE_NO_PAD.encode(last).as_bytes()));
    for token in tokens {
        let text = token.strip_prefix("way_").unwrap();
        let raw = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        assert!(!contains(&stored, text.as_bytes()) && !contains(&stored, &raw));
    }
}
