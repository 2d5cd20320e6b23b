//! What a client with a retry policy makes of the answers: what cannot mend itself is told at once.

use tokio::time::{Duration, Instant};
use tonic::{Code, Request, Status};
use wayside_balance::Channel;
use wayside_chassis::{NotIdempotent, Outgoing, outgoing};
use wayside_proto::cache::v1::cache_service_client::CacheServiceClient;
use wayside_proto::cache::v1::{GetRequest, StoreRequest};

use crate::support::{System, account, by};

/// A client that makes up to 3 attempts with a pause between them.
fn client(system: &System, pause: &str) -> CacheServiceClient<Outgoing> {
    let config = format!(
        r#"{{"methodConfig":[{{"name":[{{"service":"cache.v1.CacheService"}}],"retryPolicy":{{"maxAttempts":3,
            "initialBackoff":"{pause}","maxBackoff":"{pause}","backoffMultiplier":1,"retryableStatusCodes":["UNAVAILABLE"]}}}}]}}"#
    );
    let target = system.address.to_string().parse().unwrap();
    let channel = Channel::builder(&target).service_config_json(&config).unwrap().build().unwrap();
    CacheServiceClient::new(outgoing(channel))
}

/// A system in which every attempt is one call of the accounts server.
async fn system() -> System {
    System::start(&["--cache-account-ttl", "0s"]).await
}

fn store() -> Request<StoreRequest> {
    by("ann", StoreRequest { key: "a".into(), ..StoreRequest::default() })
}

#[tokio::test]
async fn a_missing_key_or_a_used_up_quota_is_one_attempt_that_takes_milliseconds() {
    let system = system().await;
    let mut client = client(&system, "10s");
    system.accounts.set("ann", account("acc_ann", 0));
    // Connected, which is no part of what is measured.
    client.get(by("bob", GetRequest::default())).await.unwrap_err();
    let before = system.accounts.calls();
    let start = Instant::now();
    let get = GetRequest { key: "a".into(), ..GetRequest::default() };
    assert_eq!(client.get(by("ann", get)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.store(store()).await.unwrap_err().code(), Code::FailedPrecondition);
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_millis(500), "{elapsed:?}");
    assert_eq!(system.accounts.calls() - before, 2);
}

#[tokio::test]
async fn what_is_temporary_is_tried_again_unless_the_call_is_marked_as_not_idempotent() {
    let system = system().await;
    let mut client = client(&system, "0.01s");
    system.accounts.set("ann", Err(Status::unavailable("not now")));
    assert_eq!(client.store(store()).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(system.accounts.calls(), 3);

    let mut once = store();
    once.extensions_mut().insert(NotIdempotent);
    assert_eq!(client.store(once).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(system.accounts.calls(), 4);
}
