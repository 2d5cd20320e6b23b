use futures_util::StreamExt;
use futures_util::future::FutureExt;
use tonic::{Code, Request};

use super::pb::health_check_response::ServingStatus;
use super::pb::health_server::Health as _;
use super::pb::{HealthCheckRequest, HealthListRequest};
use super::states::{Health, Life};

const SERVICES: &[&str] = &["greet.v1.GreetService"];

fn asked(service: &str) -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest { service: service.into() })
}

async fn checked(health: &Health, service: &str) -> Result<ServingStatus, Code> {
    health
        .check(asked(service))
        .await
        .map(|reply| reply.into_inner().status())
        .map_err(|status| status.code())
}

#[tokio::test]
async fn everything_is_not_serving_until_the_server_is_ready() {
    let health = Health::new(SERVICES);
    for life in [Life::Starting, Life::Serving, Life::Stopping] {
        health.set(life);
        let expected =
            if life == Life::Serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in ["", SERVICES[0]] {
            assert_eq!(checked(&health, service).await, Ok(expected), "{service:?} when {life:?}");
        }
    }
    assert_eq!(checked(&health, "nobody").await, Err(Code::NotFound));
}

#[tokio::test]
async fn list_names_every_service() {
    let health = Health::new(SERVICES);
    health.set(Life::Serving);
    let statuses =
        health.list(Request::new(HealthListRequest {})).await.unwrap().into_inner().statuses;
    let mut names: Vec<_> = statuses.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["", SERVICES[0]]);
    assert!(statuses.values().all(|reply| reply.status() == ServingStatus::Serving));
}

#[tokio::test]
async fn watch_tells_changes_once_and_ends_when_calls_have_to_end() {
    let health = Health::new(SERVICES);
    let mut watch = health.watch(asked("")).await.unwrap().into_inner();
    for (life, expected) in [
        (Life::Starting, Some(ServingStatus::NotServing)),
        (Life::Serving, Some(ServingStatus::Serving)),
        (Life::Serving, None),
        (Life::Stopping, Some(ServingStatus::NotServing)),
    ] {
        health.set(life);
        let told = watch.next().now_or_never().map(|told| told.unwrap().unwrap().status());
        assert_eq!(told, expected, "{life:?}");
    }
    health.set(Life::Draining);
    assert_eq!(watch.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn watch_of_an_unknown_service_says_so_and_stays_open() {
    let health = Health::new(SERVICES);
    let mut watch = health.watch(asked("nobody")).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    health.set(Life::Serving);
    assert!(watch.next().now_or_never().is_none(), "the stream has ended or told something twice");
}
