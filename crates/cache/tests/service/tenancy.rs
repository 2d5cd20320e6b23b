//! Whose entries a call sees, and how it says whose it is.

use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DeleteRequest, DumpRequest, GetRequest, StoreRequest};

use crate::support::{System, account, by, entry, eventually};

fn get(key: &str, account_token: &str) -> GetRequest {
    GetRequest { key: key.into(), account_token: account_token.into() }
}

fn assert_unauthenticated(status: &Status, message: &str) {
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, message));
}

#[tokio::test]
async fn tenants_neither_see_nor_change_nor_pay_for_each_others_keys() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    system.accounts.set("bob", account("acc_bob", 1));
    for key in ["both", "hers", "more"] {
        system.store("ann", key, b"ann").await.unwrap();
    }
    system.store("bob", "both", b"bob").await.unwrap();
    assert_eq!(client.get(by("ann", get("both", ""))).await.unwrap().into_inner().val, "ann");
    assert_eq!(client.get(by("bob", get("both", ""))).await.unwrap().into_inner().val, "bob");
    assert_eq!(client.get(by("bob", get("hers", ""))).await.unwrap_err().code(), Code::NotFound);
    let delete = DeleteRequest { key: "hers".into(), ..DeleteRequest::default() };
    assert_eq!(client.delete(by("bob", delete)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        system.dump("bob").await.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        ["both"]
    );
    assert_eq!(system.dump("ann").await.len(), 3);
    // Bob is at his limit of 1, which is his alone.
    assert_eq!(system.store("bob", "new", b"").await.unwrap_err().code(), Code::FailedPrecondition);
    system.store("ann", "new", b"").await.unwrap();
}

#[tokio::test]
async fn the_entries_belong_to_the_account_whatever_its_token_is() {
    let system = System::start(&[]).await;
    system.store("ann", "k", b"v").await.unwrap();
    system.accounts.set("rotated", account("acc_ann", 100));
    assert_eq!(
        system.client().get(by("rotated", get("k", ""))).await.unwrap().into_inner().val,
        "v"
    );
}

#[tokio::test]
async fn the_token_of_the_header_wins_over_that_of_the_field() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    system.store("ann", "k", b"ann").await.unwrap();
    system.store("bob", "k", b"bob").await.unwrap();
    assert_eq!(client.get(by("bob", get("k", "ann"))).await.unwrap().into_inner().val, "bob");
    assert_eq!(client.get(Request::new(get("k", "ann"))).await.unwrap().into_inner().val, "ann");
    let status = client.get(by("nobody", get("k", "ann"))).await.unwrap_err();
    assert_unauthenticated(&status, "account token is not known");
}

#[tokio::test]
async fn every_method_refuses_a_call_without_a_token() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    let missing = "account token is missing: send it as authorization: Bearer, or in account_token";
    assert_unauthenticated(&client.store(StoreRequest::default()).await.unwrap_err(), missing);
    assert_unauthenticated(&client.get(GetRequest::default()).await.unwrap_err(), missing);
    assert_unauthenticated(&client.delete(DeleteRequest::default()).await.unwrap_err(), missing);
    assert_unauthenticated(&client.dump(DumpRequest::default()).await.unwrap_err(), missing);
    let status = client.restore(futures_util::stream::iter([entry("k", b"")])).await.unwrap_err();
    assert_unauthenticated(&status, &format!("{missing} (0 entries were stored)"));
    assert_eq!(system.accounts.calls(), 0);
}

#[tokio::test]
async fn malformed_and_repeated_authorization_headers_are_refused() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    for headers in [&["Basic ann"][..], &["ann"], &["Bearer ann", "Bearer ann"]] {
        let mut request = Request::new(get("k", "ann"));
        for header in headers {
            request.metadata_mut().append("authorization", header.parse().unwrap());
        }
        let status = client.get(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "TOKEN_MALFORMED");
    }
    assert_eq!(system.accounts.calls(), 0);
}

#[tokio::test]
async fn an_unknown_token_is_asked_for_again() {
    let system = System::start(&["--cache-account-ttl", "1h"]).await;
    let status = system.store("new", "k", b"").await.unwrap_err();
    assert_unauthenticated(&status, "account token is not known");
    system.accounts.set("new", account("acc_new", 1));
    system.store("new", "k", b"").await.unwrap();
}

#[tokio::test]
async fn an_account_is_remembered_for_the_time_to_live_and_no_longer() {
    let system = System::start(&["--cache-account-ttl", "1h"]).await;
    for _ in 0..3 {
        system.store("ann", "k", b"").await.unwrap();
    }
    system.store("bob", "k", b"").await.unwrap();
    assert_eq!(system.accounts.calls(), 2);

    let system = System::start(&["--cache-account-ttl", "0s"]).await;
    for _ in 0..3 {
        system.store("ann", "k", b"").await.unwrap();
    }
    assert_eq!(system.accounts.calls(), 3);

    let system = System::start(&["--cache-account-ttl", "50ms"]).await;
    system.store("ann", "k", b"").await.unwrap();
    system.accounts.forget("ann");
    eventually("the token stops working", async || system.store("ann", "k", b"").await.is_err())
        .await;
}

#[tokio::test]
async fn no_error_holds_a_token() {
    const SECRET: &str = "s3cr3t-t0k3n";
    let system = System::start(&["--cache-max-bytes", "100", "--cache-account-ttl", "0s"]).await;
    let mut errors = vec![system.store(SECRET, "k", b"").await.unwrap_err()];
    // As the first accounts servers said it.
    for status in
        [Status::internal(format!("no account for {SECRET}")), Status::unavailable(SECRET)]
    {
        system.accounts.set(SECRET, Err(status));
        errors.push(system.store(SECRET, "k", b"").await.unwrap_err());
    }
    system.accounts.set(SECRET, account("acc_secret", 1));
    errors.push(system.store(SECRET, "k", &[0; 200]).await.unwrap_err());
    errors.push(system.store(SECRET, "", b"").await.unwrap_err());
    system.store(SECRET, "k", b"").await.unwrap();
    errors.push(system.store(SECRET, "l", b"").await.unwrap_err());
    errors.push(system.client().get(by(SECRET, get("missing", SECRET))).await.unwrap_err());
    errors.push(system.restore(SECRET, vec![entry("l", b"")]).await.unwrap_err());
    let mut bad_header = Request::new(get("k", ""));
    bad_header.metadata_mut().insert("authorization", format!("Token {SECRET}").parse().unwrap());
    errors.push(system.client().get(bad_header).await.unwrap_err());
    for status in errors {
        let details = String::from_utf8_lossy(status.details()).into_owned();
        let all = format!("{status:?} {} {details}", status.message());
        assert!(!all.contains(SECRET), "{all}");
    }
}
