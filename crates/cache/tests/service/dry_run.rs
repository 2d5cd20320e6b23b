//! Metadata `dry-run: 1`.

use futures_util::stream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{
    DeleteRequest, DumpRequest, GetRequest, RestoreRequest, StoreRequest,
};

use crate::support::{System, account, by, entry};

fn with_dry_run<T>(value: &'static str, mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("dry-run", value.parse().unwrap());
    request
}

fn store(key: &str) -> Request<StoreRequest> {
    by("ann", StoreRequest { key: key.into(), ..StoreRequest::default() })
}

fn is_confirmed(metadata: &MetadataMap) -> bool {
    metadata.get("dry-run").is_some_and(|value| value == "1")
}

/// A dry run of Restore, which is confirmed whatever comes of it.
async fn restore(system: &System, entries: Vec<RestoreRequest>) -> Result<i64, Status> {
    let request = with_dry_run("1", by("ann", stream::iter(entries)));
    let result = system.client().restore(request).await;
    assert!(match &result {
        Ok(response) => is_confirmed(response.metadata()),
        Err(status) => is_confirmed(status.metadata()),
    });
    result.map(|response| response.into_inner().stored)
}

#[tokio::test]
async fn a_dry_run_answers_as_the_real_call_would_says_so_and_changes_nothing() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    system.accounts.set("ann", account("acc_ann", 1));
    let response = client.store(with_dry_run("1", store("a"))).await.unwrap();
    assert!(is_confirmed(response.metadata()));
    assert!(system.dump("ann").await.is_empty());

    let response = client.store(store("a")).await.unwrap();
    assert!(!is_confirmed(response.metadata()));
    let status = client.store(with_dry_run("1", store("b"))).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "Account acc_ann exceeds max key limit 1")
    );
    assert!(is_confirmed(status.metadata()));

    let delete =
        |key: &str| by("ann", DeleteRequest { key: key.into(), ..DeleteRequest::default() });
    let response = client.delete(with_dry_run("1", delete("a"))).await.unwrap();
    assert!(is_confirmed(response.metadata()));
    let status = client.delete(with_dry_run("1", delete("b"))).await.unwrap_err();
    assert!(is_confirmed(status.metadata()));
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(system.dump("ann").await.len(), 1);
}

#[tokio::test]
async fn methods_that_only_read_confirm_a_dry_run_too() {
    let system = System::start(&[]).await;
    system.store("ann", "a", b"1").await.unwrap();
    let get = GetRequest { key: "a".into(), ..GetRequest::default() };
    let response = system.client().get(with_dry_run("1", by("ann", get))).await.unwrap();
    assert!(is_confirmed(response.metadata()));
    assert_eq!(response.into_inner().val, "1");
    let dump = with_dry_run("1", by("ann", DumpRequest::default()));
    let mut response = system.client().dump(dump).await.unwrap();
    assert!(is_confirmed(response.metadata()));
    assert_eq!(response.get_mut().message().await.unwrap().unwrap().key, "a");
}

#[tokio::test]
async fn only_the_value_1_is_a_dry_run() {
    let system = System::start(&[]).await;
    for value in ["0", "true", "11", ""] {
        system.client().store(with_dry_run(value, store(&format!("key {value}")))).await.unwrap();
    }
    assert_eq!(system.dump("ann").await.len(), 4);
}

#[tokio::test]
async fn who_may_not_store_may_not_try_either() {
    let system = System::start(&[]).await;
    let message = StoreRequest { key: "a".into(), ..StoreRequest::default() };
    for request in [by("nobody", message.clone()), Request::new(message)] {
        let status = system.client().store(with_dry_run("1", request)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(is_confirmed(status.metadata()));
    }
}

#[tokio::test]
async fn a_restore_that_fits_is_confirmed_and_stores_nothing() {
    let system = System::start(&[]).await;
    let entries = ["a", "b", "a"].map(|key| entry(key, b"1")).to_vec();
    assert_eq!(restore(&system, entries).await.unwrap(), 3);
    assert!(system.dump("ann").await.is_empty());
}

#[tokio::test]
async fn a_dry_run_of_restore_fails_where_the_real_one_does() {
    for (options, limit, sizes, code) in [
        (&[][..], 3, [1, 1, 1, 1, 1], Code::FailedPrecondition),
        (&["--cache-max-bytes", "1000"], 9, [300, 300, 300, 300, 300], Code::ResourceExhausted),
        // Its own limits, of the third entry alone.
        (&[], 9, [1, 1, 1024 * 1024 + 1, 1, 1], Code::InvalidArgument),
    ] {
        let system = System::start(options).await;
        system.accounts.set("ann", account("acc_ann", limit));
        system.store("ann", "c", b"").await.unwrap();
        let keys = ["c", "a", "b", "d", "e"];
        let entries = || keys.iter().zip(sizes).map(|(key, size)| entry(*key, &vec![0; size]));
        let tried = restore(&system, entries().collect()).await.unwrap_err();
        assert_eq!(system.dump("ann").await.len(), 1);
        let real = system.restore("ann", entries().collect()).await.unwrap_err();
        assert_eq!((tried.code(), real.code()), (code, code));
        let would = real.message().replace("were stored", "would have been stored");
        assert_eq!(tried.message(), would);
        assert!(would.contains(" entries would have been stored)"), "{would}");
        let [tried, real] = [&tried, &real].map(StatusExt::get_error_details_vec);
        assert_eq!(format!("{tried:?}"), format!("{real:?}"));
        assert_eq!(tried.len(), 2);
    }
}
