//! Metadata `dry-run: 1`.

use futures_util::stream;
use tonic::{Code, Request};
use wayside_proto::cache::v1::{DeleteRequest, StoreRequest};

use crate::support::{System, account, by, entry};

fn with_dry_run<T>(value: &'static str, mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("dry-run", value.parse().unwrap());
    request
}

fn store(key: &str) -> Request<StoreRequest> {
    by("ann", StoreRequest { key: key.into(), ..StoreRequest::default() })
}

#[tokio::test]
async fn a_dry_run_answers_as_the_real_call_would_says_so_and_changes_nothing() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    system.accounts.set("ann", account("acc_ann", 1));
    let response = client.store(with_dry_run("1", store("a"))).await.unwrap();
    assert_eq!(response.metadata().get("dry-run").unwrap(), "1");
    assert!(system.dump("ann").await.is_empty());

    let response = client.store(store("a")).await.unwrap();
    assert!(response.metadata().get("dry-run").is_none());
    let status = client.store(with_dry_run("1", store("b"))).await.unwrap_err();
    assert_eq!(status.message(), "Account acc_ann exceeds max key limit 1");

    let delete =
        |key: &str| by("ann", DeleteRequest { key: key.into(), ..DeleteRequest::default() });
    client.delete(with_dry_run("1", delete("a"))).await.unwrap();
    assert_eq!(
        client.delete(with_dry_run("1", delete("b"))).await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(system.dump("ann").await.len(), 1);
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
async fn a_dry_run_of_restore_is_refused_and_stores_nothing() {
    let system = System::start(&[]).await;
    let request = with_dry_run("1", by("ann", stream::iter([entry("a", b"")])));
    assert_eq!(system.client().restore(request).await.unwrap_err().code(), Code::Unimplemented);
    assert!(system.dump("ann").await.is_empty());
}
