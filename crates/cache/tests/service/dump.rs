//! Dump: order, resumption, slow readers.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};
use tonic::Code;
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DeleteRequest, DumpRequest, DumpResponse, StoreRequest};

use crate::support::{System, by, entry};

fn resume(resume_token: &str) -> DumpRequest {
    DumpRequest { resume_token: resume_token.into(), ..DumpRequest::default() }
}

fn keys(entries: &[DumpResponse]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

#[tokio::test]
async fn entries_come_in_the_order_of_their_keys_with_their_values() {
    let system = System::start(&[]).await;
    for key in ["b", "ü", "a", "aa", "B", "a\0"] {
        system.store("ann", key, format!("value of {key}").as_bytes()).await.unwrap();
    }
    let entries = system.dump("ann").await;
    assert_eq!(keys(&entries), ["B", "a", "a\0", "aa", "b", "ü"]);
    assert!(
        entries
            .iter()
            .all(|entry| entry.val == format!("value of {}", entry.key) && entry.ttl.is_none())
    );
}

#[tokio::test]
async fn the_dump_of_an_account_without_entries_is_empty() {
    let system = System::start(&[]).await;
    assert!(system.dump("ann").await.is_empty());
}

#[tokio::test]
async fn a_dump_that_breaks_after_any_message_goes_on_with_the_next() {
    let system = System::start(&[]).await;
    let entries = (0..150).map(|number| entry(format!("key {number:03}"), &[number])).collect();
    assert_eq!(system.restore("ann", entries).await.unwrap(), 150);
    let whole = system.dump("ann").await;
    let mut client = system.client();
    let mut pieces = Vec::<DumpResponse>::new();
    for _ in 0..=whole.len() {
        let token = pieces.last().map_or("", |entry| &entry.resume_token);
        let mut stream = client.dump(by("ann", resume(token))).await.unwrap().into_inner();
        // Dropping the stream here breaks the call.
        pieces.extend(stream.message().await.unwrap());
    }
    assert_eq!(pieces, whole);
}

#[tokio::test]
async fn a_resume_token_is_good_on_another_server_and_when_its_entry_is_gone() {
    let (first, second) = (System::start(&[]).await, System::start(&[]).await);
    for system in [&first, &second] {
        let entries = ["a", "b", "c"].map(|key| entry(key, b"")).to_vec();
        system.restore("ann", entries).await.unwrap();
    }
    let token = first.dump("ann").await[1].resume_token.clone();
    let delete = DeleteRequest { key: "b".into(), ..DeleteRequest::default() };
    second.client().delete(by("ann", delete)).await.unwrap();
    let mut rest = second.client().dump(by("ann", resume(&token))).await.unwrap().into_inner();
    assert_eq!(rest.message().await.unwrap().unwrap().key, "c");
    assert!(rest.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_resume_token_that_is_none_is_refused_by_name() {
    let system = System::start(&[]).await;
    let status = system.client().dump(by("ann", resume("key 001"))).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.get_error_details().bad_request().unwrap().field_violations[0].field,
        "resume_token"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_blocks_no_writer_and_misses_nothing_that_stays() {
    let system = System::start(&[]).await;
    let lasting = (0..300).map(|number| format!("lasting {number:03}")).collect::<Vec<_>>();
    let entries = lasting.iter().map(|key| entry(key, &[1; 64 * 1024])).collect();
    system.restore("ann", entries).await.unwrap();
    let mut dump =
        system.client().dump(by("ann", DumpRequest::default())).await.unwrap().into_inner();
    let mut seen = vec![dump.message().await.unwrap().unwrap().key];

    // The reader has stopped. 20 MiB are more than all buffers on the way hold, so Dump is in the middle.
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (mut client, lasting) = (system.client(), lasting.clone());
        writers.spawn(async move {
            for key in lasting.iter().skip(writer).step_by(4) {
                let replace = StoreRequest {
                    key: key.clone(),
                    val: vec![2; 10].into(),
                    ..StoreRequest::default()
                };
                client.store(by("ann", replace)).await.unwrap();
                let key = format!("{key} passing");
                client
                    .store(by("ann", StoreRequest { key: key.clone(), ..StoreRequest::default() }))
                    .await
                    .unwrap();
                client
                    .delete(by("ann", DeleteRequest { key, ..DeleteRequest::default() }))
                    .await
                    .unwrap();
            }
        });
    }
    timeout(Duration::from_secs(20), writers.join_all()).await.unwrap();

    while let Some(entry) = dump.message().await.unwrap() {
        seen.push(entry.key);
    }
    seen.retain(|key| !key.ends_with("passing"));
    assert_eq!(seen, lasting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_dumps_at_a_time_each_see_everything() {
    let system = System::start(&[]).await;
    let entries = (0..1000).map(|number| entry(format!("{number}"), b"val")).collect();
    system.restore("ann", entries).await.unwrap();
    let dumps = futures_util::future::join_all((0..16).map(|_| system.dump("ann"))).await;
    for dump in dumps {
        assert_eq!(
            (dump.len(), keys(&dump).into_iter().collect::<BTreeSet<_>>().len()),
            (1000, 1000)
        );
    }
}
