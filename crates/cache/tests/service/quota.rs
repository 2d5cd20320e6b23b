//! The limit of an account and the limit of the process.

use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DeleteRequest, StoreRequest};

use crate::support::{System, account, by, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_stores_at_limit_n_leave_exactly_n_keys() {
    let system = System::start(&[]).await;
    system.accounts.set("ann", account("acc_ann", 10));
    let clients = (0..8).map(|_| system.client()).collect::<Vec<_>>();
    let mut racing = JoinSet::new();
    for number in 0..64 {
        let mut client = clients[number % 8].clone();
        let message = StoreRequest { key: format!("key {number}"), ..StoreRequest::default() };
        racing.spawn(async move {
            client.store(by("ann", message)).await.map_err(|status| status.code())
        });
    }
    let results = racing.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    assert!(results.iter().all(|result| {
        result.as_ref().map_or_else(|code| *code == Code::FailedPrecondition, |_| true)
    }));
    assert_eq!(system.dump("ann").await.len(), 10);
}

#[tokio::test]
async fn at_the_limit_an_update_works_a_new_key_does_not_and_delete_frees_its_place() {
    let system = System::start(&[]).await;
    system.accounts.set("ann", account("acc_ann", 1));
    system.store("ann", "a", b"1").await.unwrap();
    system.store("ann", "a", b"2").await.unwrap();
    let status = system.store("ann", "b", b"1").await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "Account acc_ann exceeds max key limit 1")
    );
    let details = status.get_error_details();
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "account:acc_ann");
    system
        .client()
        .delete(by("ann", DeleteRequest { key: "a".into(), ..DeleteRequest::default() }))
        .await
        .unwrap();
    system.store("ann", "b", b"1").await.unwrap();
}

#[tokio::test]
async fn an_expired_entry_frees_its_place() {
    let system = System::start(&[]).await;
    system.accounts.set("ann", account("acc_ann", 1));
    let ttl = Some(prost_types::Duration { seconds: 0, nanos: 50_000_000 });
    let message = StoreRequest { key: "a".into(), ttl, ..StoreRequest::default() };
    system.client().store(by("ann", message)).await.unwrap();
    eventually("the place is free", async || system.store("ann", "b", b"1").await.is_ok()).await;
}

#[tokio::test]
async fn a_full_server_refuses_and_evicts_nothing() {
    let system = System::start(&["--cache-max-bytes", "1000"]).await;
    system.store("ann", "a", &[1; 499]).await.unwrap();
    system.store("bob", "b", &[2; 499]).await.unwrap();
    for (token, key, val) in
        [("ann", "c", &[3; 1][..]), ("ann", "a", &[3; 500]), ("bob", "b", &[3; 1000])]
    {
        let status = system.store(token, key, val).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(
            status.message().contains("1000 bytes")
                && status.message().contains("--cache-max-bytes")
        );
        let details = status.get_error_details();
        assert_eq!(details.quota_failure().unwrap().violations[0].subject, "server:cache");
    }
    assert_eq!(system.dump("ann").await[0].val, vec![1; 499]);
    assert_eq!(system.dump("bob").await[0].val, vec![2; 499]);
    system.store("ann", "a", &[4; 498]).await.unwrap();
    system.store("bob", "c", b"").await.unwrap();
}

#[tokio::test]
async fn a_full_server_has_room_again_when_the_entries_of_an_idle_account_have_expired() {
    let system = System::start(&["--cache-max-bytes", "1000"]).await;
    let ttl = Some(prost_types::Duration { seconds: 0, nanos: 10_000_000 });
    let message =
        StoreRequest { key: "a".into(), val: vec![0; 900].into(), ttl, ..StoreRequest::default() };
    system.client().store(by("ann", message)).await.unwrap();
    eventually("there is room", async || system.store("bob", "b", &[0; 900]).await.is_ok()).await;
}
