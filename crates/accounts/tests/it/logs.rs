//! What is logged, at a level far below that of production.

use std::io;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tonic::Request;
use tracing_subscriber::EnvFilter;
use wayside_proto::accounts::v1::{
    CreateAccountRequest, DeleteAccountRequest, ListAccountsRequest, RotateTokenRequest,
    UpdateAccountRequest,
};

use crate::support::{Server, get_by_token};

const ADMIN_TOKEN: &str = "correct-horse-battery-staple";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the log of the whole process, the other tests' too: a leak of any of them is a leak.
fn capture() -> Log {
    let log = Log::default();
    let writer = log.clone();
    let filter = EnvFilter::new(
        "info,accounts=trace,sqlx=trace,wayside_chassis=trace,wayside_interceptors=trace",
    );
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    log
}

#[tokio::test]
async fn no_token_and_no_digest_is_logged() {
    let log = capture();
    let server = Server::start(&["--accounts-admin-token", ADMIN_TOKEN]).await;
    let mut client = server.client();
    let admin = format!("Bearer {ADMIN_TOKEN}");
    macro_rules! admin {
        ($message:expr) => {{
            let mut request = Request::new($message);
            request.metadata_mut().insert("authorization", admin.parse().unwrap());
            request
        }};
    }
    let ada = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
    let created = client.create_account(admin!(ada.clone())).await.unwrap().into_inner();
    let id = created.account.unwrap().id;
    let rotated = client
        .rotate_token(admin!(RotateTokenRequest { id: id.clone() }))
        .await
        .unwrap()
        .into_inner()
        .token;
    let wrong = "way_wrong-wrong-wrong-wrong-wrong".to_owned();
    get_by_token(&mut client, &rotated).await.unwrap();
    for token in [&created.token, &wrong, &wrong.repeat(20)] {
        get_by_token(&mut client, token).await.unwrap_err();
    }
    // Refused in every way, with a token in every field that takes a text.
    client.create_account(ada.clone()).await.unwrap_err();
    client.create_account(admin!(ada)).await.unwrap_err();
    client.rotate_token(admin!(RotateTokenRequest { id: rotated.clone() })).await.unwrap_err();
    client.delete_account(admin!(DeleteAccountRequest { id: rotated.clone() })).await.unwrap_err();
    client
        .update_account(admin!(UpdateAccountRequest { id: rotated.clone(), ..Default::default() }))
        .await
        .unwrap_err();
    let page = ListAccountsRequest { page_size: 0, page_token: rotated.clone() };
    client.list_accounts(admin!(page)).await.unwrap_err();
    server.stop().await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for method in ["CreateAccount", "RotateToken", "GetByToken", "ListAccounts"] {
        assert!(
            log.contains(&format!("/accounts.v1.AccountsService/{method}")),
            "the log was captured: {log}"
        );
    }
    assert!(log.contains("INSERT INTO accounts"), "that of the database too: {log}");
    for token in [created.token.as_str(), &rotated, &wrong, ADMIN_TOKEN] {
        let digested = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        assert!(
            !log.contains(token.trim_start_matches("way_")) && !log.contains(&digested),
            "{log}"
        );
    }
}
