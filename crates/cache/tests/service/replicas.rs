//! Two replicas of the cache on one Redis are one cache.

use tokio::task::JoinSet;
use tokio::time::Duration;
use tonic::Code;
use wayside_proto::cache::v1::{DeleteRequest, DumpRequest, GetRequest, StoreRequest};

use crate::support::{System, account, by, entry, redis_of_its_own};

/// Two replicas; each asks accounts on its own, and hears the same of it.
async fn replicas() -> [System; 2] {
    let options = redis_of_its_own();
    let options = options.iter().map(String::as_str).collect::<Vec<_>>();
    [System::start(&options).await, System::start(&options).await]
}

async fn get(system: &System, key: &str) -> Result<Vec<u8>, Code> {
    let message = GetRequest { key: key.into(), ..GetRequest::default() };
    let answer = system.client().get(by("ann", message)).await;
    answer.map(|answer| answer.into_inner().val.to_vec()).map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_racing_stores_over_both_leave_exactly_the_quota() {
    let systems = replicas().await;
    for round in 0..5 {
        // An account of its own in each round, under a token that neither replica remembers.
        let token = format!("token-{round}");
        for system in &systems {
            system.accounts.set(&token, account(&format!("acc_{round}"), 10));
        }
        let clients = (0..8).map(|number| systems[number % 2].client()).collect::<Vec<_>>();
        let mut racing = JoinSet::new();
        for number in 0..64 {
            let (mut client, token) = (clients[number % 8].clone(), token.clone());
            let message = StoreRequest { key: format!("key {number}"), ..StoreRequest::default() };
            racing.spawn(async move {
                client.store(by(&token, message)).await.map_err(|status| status.code())
            });
        }
        let results = racing.join_all().await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
        let refused = |code: &Code| *code == Code::FailedPrecondition;
        assert!(results.iter().all(|result| result.as_ref().err().is_none_or(refused)));
        for system in &systems {
            assert_eq!(system.dump(&token).await.len(), 10);
        }
    }
}

#[tokio::test]
async fn what_one_replica_does_the_other_sees() {
    let [one, other] = replicas().await;
    one.store("ann", "a", b"1").await.unwrap();
    assert_eq!(get(&other, "a").await.unwrap(), b"1");
    other.store("ann", "a", b"2").await.unwrap();
    assert_eq!(get(&one, "a").await.unwrap(), b"2");
    let delete = DeleteRequest { key: "a".into(), ..DeleteRequest::default() };
    one.client().delete(by("ann", delete)).await.unwrap();
    assert_eq!(get(&other, "a").await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_dump_goes_on_at_the_other_replica() {
    let [one, other] = replicas().await;
    let entries = (0..150).map(|number| entry(format!("key {number:03}"), &[number])).collect();
    one.restore("ann", entries).await.unwrap();
    let mut stream =
        one.client().dump(by("ann", DumpRequest::default())).await.unwrap().into_inner();
    let mut keys = Vec::new();
    let mut resume_token = String::new();
    for _ in 0..70 {
        let entry = stream.message().await.unwrap().unwrap();
        resume_token = entry.resume_token;
        keys.push(entry.key);
    }
    let rest = DumpRequest { resume_token, ..DumpRequest::default() };
    let mut stream = other.client().dump(by("ann", rest)).await.unwrap().into_inner();
    while let Some(entry) = stream.message().await.unwrap() {
        keys.push(entry.key);
    }
    assert_eq!(keys, (0..150).map(|number| format!("key {number:03}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn entries_outlive_every_replica() {
    let options = redis_of_its_own();
    let options = options.iter().map(String::as_str).collect::<Vec<_>>();
    let first = System::start(&options).await;
    first.store("ann", "a", b"1").await.unwrap();
    drop(first);
    let second = System::start(&options).await;
    assert_eq!(get(&second, "a").await.unwrap(), b"1");
}

/// The one thing that a replica remembers by itself is whose a token is and how many keys that account may have, for `--cache-account-ttl`.
#[tokio::test]
async fn a_limit_that_was_lowered_holds_at_each_replica_when_its_answer_is_old() {
    let options = redis_of_its_own();
    let mut options = options.iter().map(String::as_str).collect::<Vec<_>>();
    options.extend(["--cache-account-ttl", "300ms"]);
    let [one, other] = [System::start(&options).await, System::start(&options).await];
    for system in [&one, &other] {
        system.store("ann", "a", b"1").await.unwrap();
        system.accounts.set("ann", account("acc_ann", 1));
    }
    let refused = async |system: &System| {
        crate::support::eventually("the new limit holds", async || {
            let delete = DeleteRequest { key: "b".into(), ..DeleteRequest::default() };
            let stored = system.store("ann", "b", b"1").await;
            let _ = system.client().delete(by("ann", delete)).await;
            stored.is_err_and(|status| status.code() == Code::FailedPrecondition)
        })
        .await;
    };
    tokio::time::timeout(Duration::from_secs(5), async {
        refused(&one).await;
        refused(&other).await;
    })
    .await
    .unwrap();
    assert_eq!(one.dump("ann").await.len(), 1);
}
