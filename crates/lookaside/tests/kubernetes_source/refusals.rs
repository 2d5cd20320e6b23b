//! What only an administrator can mend, and what is too much.

use axum::http::StatusCode;
use lookaside::kubernetes::KubernetesError;
use serde_json::json;
use tokio::time::Duration;
use tonic::Code;
use wayside_balance::resolver::NoSuchName;

use super::{Watched, addresses};
use crate::fake_api::{many, pods, slice};

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_verb_the_resource_and_what_is_needed_once() {
    for (refused, code, parts) in [
        (
            StatusCode::FORBIDDEN,
            Code::PermissionDenied,
            &[
                "403",
                "'list'",
                "endpointslices.discovery.k8s.io",
                "'shop'",
                "Role",
                "get, list and watch",
            ][..],
        ),
        (
            StatusCode::NOT_FOUND,
            Code::Unavailable,
            &["404", "'list'", "namespace does not exist", "discovery.k8s.io/v1"],
        ),
        (StatusCode::UNAUTHORIZED, Code::Unauthenticated, &["401", "token"]),
    ] {
        let mut greet = Watched::new("shop/greet:grpc");
        greet.api.behave(|behaviour| behaviour.refuse = Some(refused));
        let status = greet.failure().await.status();
        assert_eq!(status.code(), code);
        for part in parts {
            assert!(status.message().contains(part), "{part} in: {}", status.message());
        }
        assert!(!status.message().contains('\n'), "what the server says is made one line");
        greet.silence(Duration::from_secs(600)).await;
        let asked = greet.api.requests().len();
        assert!((50..=66).contains(&asked), "{asked} requests in ten minutes");
        greet.api.put(slice("greet-1", "greet", pods([1])));
        greet.api.behave(|behaviour| behaviour.refuse = None);
        assert_eq!(
            greet.within(Duration::from_secs(13)).await,
            addresses([1]),
            "once it is mended"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_taken_away_leaves_the_last_endpoints_in_use() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1])));
    assert_eq!(greet.next().await, addresses([1]));
    greet.watching().await;
    greet.api.behave(|behaviour| behaviour.refuse = Some(StatusCode::FORBIDDEN));
    greet.api.cut();
    greet.silence(Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_exist_is_told_and_waited_for() {
    let mut greet = Watched::new("shop/greet:grpc");
    let error = greet.failure().await;
    assert!(matches!(error, KubernetesError::NoService { .. }), "{error}");
    assert!(NoSuchName::is_cause_of(&error.status()), "as with a name that DNS does not have");
    assert_eq!(error.status().code(), Code::Unavailable);
    greet.watching().await;
    greet.api.put(slice("greet-1", "greet", pods([1])));
    assert_eq!(greet.within(Duration::from_millis(2)).await, addresses([1]));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_down_from_the_start_is_told_once_and_waited_for() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1])));
    greet.api.behave(|behaviour| behaviour.down = true);
    let error = greet.failure().await;
    assert!(error.to_string().contains("does not answer"), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    greet.silence(Duration::from_secs(60)).await;
    greet.api.behave(|behaviour| behaviour.down = false);
    assert_eq!(greet.next().await, addresses([1]));
}

#[tokio::test(start_paused = true)]
async fn more_endpoints_than_are_kept_leave_the_last_ones_in_use() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1])));
    assert_eq!(greet.next().await, addresses([1]));
    greet.watching().await;
    let mut huge = many(101);
    for slice in &mut huge {
        slice["endpoints"] = vec![json!({"addresses": ["10.0.0.9"]}); 1000].into();
    }
    greet.api.put_all(huge);
    greet.silence(Duration::from_secs(2)).await;
    (0..101).for_each(|n| greet.api.delete(&format!("greet-{n:03}")));
    greet.api.put(slice("greet-1", "greet", pods([2])));
    assert_eq!(greet.within(Duration::from_secs(13)).await, addresses([2]));
}

#[tokio::test(start_paused = true)]
async fn an_event_without_end_is_cut_off() {
    let mut greet = Watched::new("shop/greet:grpc");
    greet.api.put(slice("greet-1", "greet", pods([1])));
    assert_eq!(greet.next().await, addresses([1]));
    greet.watching().await;
    for _ in 0..9 {
        greet.api.send_part("x".repeat(1 << 20));
        greet.silence(Duration::from_secs(1)).await;
    }
    assert_eq!(greet.api.requests().iter().filter(|request| !request.is_watch).count(), 2);
}
