//! Restore: what Dump gave, and how a failure tells how far it came.

use futures_util::stream;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DumpResponse, RestoreRequest, StoreRequest};

use crate::support::{System, account, by, entry};

fn back(entry: DumpResponse) -> RestoreRequest {
    let DumpResponse { key, val, resume_token, ttl } = entry;
    RestoreRequest { key, val, resume_token, ttl, account_token: String::new() }
}

/// Checks what every failed Restore has to say of how far it came.
fn assert_stored(status: &Status, stored: i64) {
    assert!(
        status.message().ends_with(&format!(" ({stored} entries were stored)")),
        "{}",
        status.message()
    );
    let details = status.get_error_details_vec();
    let infos = details.iter().filter_map(|detail| match detail {
        tonic_types::ErrorDetail::ErrorInfo(info) if info.reason == "RESTORE_INCOMPLETE" => {
            Some(info)
        }
        _ => None,
    });
    let infos = infos.collect::<Vec<_>>();
    assert_eq!(infos.len(), 1);
    assert_eq!(
        (infos[0].domain.as_str(), infos[0].metadata["stored"].as_str()),
        ("wayside", &*stored.to_string())
    );
    // The first ErrorInfo is the one that most clients look at.
    assert_eq!(status.get_details_error_info().unwrap().reason, "RESTORE_INCOMPLETE");
}

#[tokio::test]
async fn what_dump_gave_can_be_restored_with_what_is_left_of_each_ttl() {
    let system = System::start(&[]).await;
    for (key, seconds) in [("for ever", None), ("hour", Some(3600)), ("decade", Some(315_576_000))]
    {
        let ttl = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let message =
            StoreRequest { key: key.into(), val: key.into(), ttl, ..StoreRequest::default() };
        system.client().store(by("ann", message)).await.unwrap();
    }
    for number in 0..200 {
        system.store("ann", &format!("key {number}"), &[number; 1000]).await.unwrap();
    }
    let before = system.dump("ann").await;
    assert_eq!(
        system.restore("bob", before.clone().into_iter().map(back).collect()).await.unwrap(),
        203
    );
    let after = system.dump("bob").await;
    assert_eq!(after.len(), before.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.key, &before.val), (&after.key, &after.val));
        assert_eq!(before.ttl.is_some(), after.ttl.is_some());
        let lost = before.ttl.map_or(0, |ttl| ttl.seconds) - after.ttl.map_or(0, |ttl| ttl.seconds);
        assert!((0..60).contains(&lost), "{} lost {lost} s of its ttl", before.key);
    }
}

#[tokio::test]
async fn the_token_may_be_in_the_first_message_alone() {
    let system = System::start(&[]).await;
    let first = RestoreRequest { account_token: "ann".into(), ..entry("a", b"") };
    let second = RestoreRequest { account_token: "bob".into(), ..entry("b", b"") };
    let response =
        system.client().restore(stream::iter([first, second, entry("c", b"")])).await.unwrap();
    assert_eq!(response.into_inner().stored, 3);
    assert_eq!((system.dump("ann").await.len(), system.dump("bob").await.len()), (3, 0));
}

#[tokio::test]
async fn an_empty_restore_needs_a_token_too() {
    let system = System::start(&[]).await;
    assert_eq!(system.restore("ann", Vec::new()).await.unwrap(), 0);
    let status = system.client().restore(Request::new(stream::empty())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_stored(&status, 0);
}

#[tokio::test]
async fn a_restore_beyond_the_limit_tells_how_many_entries_were_stored() {
    let system = System::start(&[]).await;
    system.accounts.set("ann", account("acc_ann", 3));
    let entries = ["a", "b", "a", "c", "d", "e"].map(|key| entry(key, b"")).to_vec();
    let status = system.restore("ann", entries).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        status.message().starts_with("Account acc_ann exceeds max key limit 3"),
        "{}",
        status.message()
    );
    assert_stored(&status, 4);
    assert_eq!(
        status.get_details_quota_failure().unwrap().violations[0].subject,
        "account:acc_ann"
    );
    assert_eq!(system.dump("ann").await.len(), 3);
}

#[tokio::test]
async fn a_bad_entry_is_named_and_the_entries_before_it_are_counted() {
    let system = System::start(&[]).await;
    let status = system.restore("ann", vec![entry("a", b""), entry("", b"")]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_stored(&status, 1);
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "key");
}

#[tokio::test]
async fn a_stream_that_breaks_tells_how_many_entries_were_stored() {
    let system = System::start(&[]).await;
    // More than a server takes in one message.
    let too_large = vec![0; 5 * 1024 * 1024];
    let status = system
        .restore("ann", vec![entry("a", b""), entry("b", b""), entry("c", &too_large)])
        .await
        .unwrap_err();
    assert_ne!(status.code(), Code::InvalidArgument, "the message came through");
    assert_stored(&status, 2);
    assert_eq!(system.dump("ann").await.len(), 2);
}

#[tokio::test]
async fn a_full_server_ends_a_restore_with_its_count() {
    let system = System::start(&["--cache-max-bytes", "1KiB"]).await;
    let status = system
        .restore("ann", vec![entry("a", &[0; 500]), entry("b", &[0; 600])])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_stored(&status, 1);
    assert!(status.get_details_quota_failure().is_some());
}

#[tokio::test]
async fn a_long_text_of_the_accounts_server_leaves_room_for_the_count() {
    let system = System::start(&[]).await;
    system.accounts.set("ann", Err(Status::internal("x".repeat(5000))));
    let status = system.restore("ann", vec![entry("a", b"")]).await.unwrap_err();
    assert_stored(&status, 0);
}
