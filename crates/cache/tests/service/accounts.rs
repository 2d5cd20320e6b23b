//! What happens when the accounts server is slow, gone or wrong.

use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};
use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, StatusExt};
use wayside_proto::accounts::v1::Account;
use wayside_proto::cache::v1::StoreRequest;
use wayside_proto::cache::v1::cache_service_client::CacheServiceClient;

use crate::support::{System, account, by, channel, eventually, start_cache};

fn request(timeout: Option<Duration>) -> Request<StoreRequest> {
    let mut request = by("ann", StoreRequest { key: "k".into(), ..StoreRequest::default() });
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    request
}

#[tokio::test]
async fn a_slow_accounts_server_is_waited_for_until_the_deadline_of_the_call_and_then_left() {
    let system = System::start(&[]).await;
    system.accounts.answer_after(Duration::from_millis(2200));
    let start = Instant::now();
    let status = system.client().store(request(Some(Duration::from_secs(1)))).await.unwrap_err();
    let elapsed = start.elapsed();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(
        elapsed >= Duration::from_millis(990) && elapsed < Duration::from_millis(1500),
        "{elapsed:?}"
    );
    eventually("the lookup is cancelled", async || system.accounts.cancelled() == 1).await;
    assert!(start.elapsed() < Duration::from_millis(2000), "the lookup outlived the call");
    let timeout = system.accounts.last_timeout.lock().unwrap().unwrap();
    assert!(
        timeout <= Duration::from_secs(1) && timeout > Duration::from_millis(500),
        "{timeout:?}"
    );
}

#[tokio::test]
async fn a_lookup_takes_no_longer_than_its_own_limit() {
    let system = System::start(&["--cache-accounts-timeout", "200ms"]).await;
    system.accounts.answer_after(Duration::from_secs(60));
    for timeout in [None, Some(Duration::from_secs(30))] {
        let start = Instant::now();
        let status = system.client().store(request(timeout)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(
            status.message().starts_with("accounts could not be asked"),
            "{}",
            status.message()
        );
        assert!(start.elapsed() < Duration::from_secs(2));
    }
    eventually("both lookups are cancelled", async || system.accounts.cancelled() == 2).await;
}

#[tokio::test]
async fn the_lookup_of_a_call_that_is_cancelled_is_cancelled() {
    let system = System::start(&["--cache-accounts-timeout", "1h"]).await;
    system.accounts.answer_after(Duration::from_secs(3600));
    let mut client = system.client();
    let call = tokio::spawn(async move { client.store(request(None)).await });
    eventually("the lookup has begun", async || system.accounts.calls() == 1).await;
    call.abort();
    eventually("the lookup is cancelled", async || system.accounts.cancelled() == 1).await;
}

#[tokio::test]
async fn a_call_with_little_time_does_not_fail_those_with_more() {
    let system = System::start(&[]).await;
    system.accounts.answer_after(Duration::from_millis(500));
    let mut client = system.client();
    let mut hasty = client.clone();
    let (first, second) = tokio::join!(
        hasty.store(request(Some(Duration::from_millis(100)))),
        client.store(request(Some(Duration::from_millis(1500)))),
    );
    assert_eq!(first.unwrap_err().code(), Code::DeadlineExceeded);
    second.unwrap();
}

#[tokio::test]
async fn an_accounts_server_that_is_down_is_unavailable_within_the_deadline() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let cache = start_cache(&port.to_string(), &[]).await;
    let start = Instant::now();
    let status = CacheServiceClient::new(channel(cache))
        .store(request(Some(Duration::from_secs(1))))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().starts_with("accounts could not be asked"), "{}", status.message());
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn failures_of_the_lookup_never_speak_of_the_callers_own_call() {
    let system = System::start(&[]).await;
    for (theirs, ours) in [
        (Code::Cancelled, Code::Cancelled),
        (Code::Unknown, Code::Unknown),
        (Code::InvalidArgument, Code::Internal),
        (Code::DeadlineExceeded, Code::DeadlineExceeded),
        (Code::AlreadyExists, Code::Internal),
        (Code::PermissionDenied, Code::Internal),
        (Code::ResourceExhausted, Code::ResourceExhausted),
        (Code::FailedPrecondition, Code::Internal),
        (Code::Aborted, Code::Internal),
        (Code::OutOfRange, Code::Internal),
        (Code::Unimplemented, Code::Internal),
        (Code::Internal, Code::Internal),
        (Code::Unavailable, Code::Unavailable),
        (Code::DataLoss, Code::Internal),
        (Code::Unauthenticated, Code::Internal),
    ] {
        system.accounts.set("ann", Err(Status::new(theirs, "the original text")));
        let status = system.client().store(request(None)).await.unwrap_err();
        let expected = (ours, "accounts could not be asked: the original text");
        assert_eq!((status.code(), status.message()), expected, "{theirs:?}");
    }
    // Failures are not remembered.
    system.accounts.set("ann", account("acc_ann", 1));
    system.client().store(request(None)).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_no_usable_account_is_internal() {
    let system = System::start(&[]).await;
    let without_id = Account { max_cache_keys: 5, ..Account::default() };
    for answer in [Ok(None), Ok(Some(without_id)), account("acc_ann", -1)] {
        system.accounts.set("ann", answer);
        let status = system.client().store(request(None)).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(
            status.message().starts_with("accounts could not be asked"),
            "{}",
            status.message()
        );
    }
}

#[tokio::test]
async fn who_may_try_again_is_told_when() {
    let system = System::start(&[]).await;
    let mut told = ErrorDetails::new();
    told.set_retry_info(Some(Duration::from_secs(7)));
    let telling = |code| Status::with_error_details(code, "later", told.clone());
    for (theirs, delay) in [
        (telling(Code::Unavailable), Some(7)),
        (telling(Code::ResourceExhausted), Some(7)),
        (Status::unavailable("later"), Some(1)),
        (Status::resource_exhausted("no"), None),
        // What becomes INTERNAL is not for the caller to repeat.
        (telling(Code::Aborted), None),
    ] {
        system.accounts.set("ann", Err(theirs.clone()));
        let status = system.client().store(request(None)).await.unwrap_err();
        let info = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(info, delay.map(Duration::from_secs), "{theirs:?}");
        assert_eq!(status.get_details_error_info().unwrap().reason, "ACCOUNTS_UNAVAILABLE");
    }
}
