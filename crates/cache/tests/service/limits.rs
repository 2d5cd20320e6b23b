//! What an account may take of the server: calls a second and calls in flight.

use futures_util::stream;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DeleteRequest, DumpRequest, GetRequest};

use crate::support::{System, account, by, entry, eventually};

fn assert_over_rate(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("acc_ann is over its rate limit"), "{}", status.message());
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert!(status.metadata().get("grpc-retry-pushback-ms").is_some());
    assert!(status.get_details_quota_failure().is_none());
}

/// Calls until the rate is used up, which on a slow machine takes more calls than the burst.
async fn refused<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Status {
    for _ in 0..100 {
        match call().await {
            Err(status) if status.code() == Code::ResourceExhausted => return status,
            _ => {}
        }
    }
    panic!("100 calls were not too many");
}

#[tokio::test]
async fn an_account_over_its_rate_is_refused_by_every_method_and_told_when_to_come_back() {
    let system = System::start(&["--cache-account-rate", "1:3"]).await;
    system.accounts.set("other-of-ann", account("acc_ann", 100));
    let client = system.client();
    for token in ["ann", "other-of-ann", "ann"] {
        system.store(token, "a", b"").await.unwrap();
    }
    let get = || by("ann", GetRequest { key: "a".into(), ..GetRequest::default() });
    let delete = || by("ann", DeleteRequest { key: "a".into(), ..DeleteRequest::default() });
    let dump = || by("ann", DumpRequest::default());
    assert_over_rate(&refused(async || system.store("ann", "a", b"").await).await);
    assert_over_rate(&refused(async || client.clone().get(get()).await).await);
    assert_over_rate(&refused(async || client.clone().delete(delete()).await).await);
    assert_over_rate(&refused(async || client.clone().dump(dump()).await).await);
    let status = refused(async || system.restore("ann", vec![entry("b", b"")]).await).await;
    assert_over_rate(&status);
    assert!(status.message().ends_with(" (0 entries were stored)"));
    system.store("bob", "a", b"").await.unwrap();
    eventually("there is room again", async || system.store("ann", "a", b"").await.is_ok()).await;
}

#[tokio::test]
async fn a_dump_is_in_flight_until_its_stream_ends() {
    let system = System::start(&["--cache-account-calls", "2"]).await;
    // More than all buffers on the way hold, so that a Dump does not end by itself.
    let entries = (0..200).map(|number| entry(format!("{number}"), &[0; 64 * 1024]));
    system.restore("ann", entries.collect()).await.unwrap();
    let dump = async || system.client().dump(by("ann", DumpRequest::default())).await;
    let mut first = dump().await.unwrap().into_inner();
    let second = dump().await.unwrap().into_inner();
    let status = dump().await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::ResourceExhausted, "acc_ann has 2 calls in flight, as many as it may have")
    );
    let status = system.store("ann", "a", b"").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    system.store("bob", "a", b"").await.unwrap();

    // One is read to its end, the other one cancelled.
    while first.message().await.unwrap().is_some() {}
    eventually("one has ended", async || system.store("ann", "a", b"").await.is_ok()).await;
    let third = dump().await.unwrap();
    assert_eq!(system.store("ann", "a", b"").await.unwrap_err().code(), Code::ResourceExhausted);
    drop(second);
    eventually("one is cancelled", async || system.store("ann", "a", b"").await.is_ok()).await;
    drop(third);
}

#[tokio::test]
async fn a_restore_is_in_flight_while_entries_come() {
    let system = System::start(&["--cache-account-calls", "1"]).await;
    let (send, receive) = tokio::sync::mpsc::channel(1);
    let entries =
        stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive)));
    let mut client = system.client();
    let restore = tokio::spawn(async move { client.restore(by("ann", entries)).await });
    send.send(entry("a", b"")).await.unwrap();
    eventually("the restore has begun", async || {
        let result = system.store("ann", "b", b"").await;
        result.is_err_and(|status| status.code() == Code::ResourceExhausted)
    })
    .await;
    drop(send);
    assert_eq!(restore.await.unwrap().unwrap().into_inner().stored, 1);
    eventually("the restore has ended", async || system.store("ann", "b", b"").await.is_ok()).await;
}
