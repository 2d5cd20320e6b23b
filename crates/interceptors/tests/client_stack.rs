//! All layers of a client together, between a generated client and a generated server, as a service composes them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::Either;
use http::Request;
use tokio::time::Duration;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use wayside_interceptors::client::auth::{AuthLayer, Token};
use wayside_interceptors::client::circuit_breaker::{
    CircuitBreaker, CircuitBreakerConfig, CircuitBreakerLayer, State,
};
use wayside_interceptors::client::deadline::DeadlineLayer;
use wayside_interceptors::client::logging::CallLog;
use wayside_interceptors::client::observe::ObserveLayer;
use wayside_interceptors::client::retry::{RetryLayer, RetryPolicy, RetryStats};
use wayside_interceptors::deadline::Timeouts;

type Channel = BoxCloneSyncService<Request<Body>, http::Response<Body>, Status>;

/// A channel to a health service that is lost for the first two calls, and takes only calls with a token and a deadline.
async fn channel() -> Channel {
    let (reporter, server) = tonic_health::server::health_reporter();
    reporter.set_service_status("greet", tonic_health::ServingStatus::Serving).await;
    let calls = Arc::new(AtomicUsize::new(0));
    BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
        assert_eq!(request.headers()["authorization"], "Bearer dGVzdA");
        assert!(request.headers().contains_key("grpc-timeout"));
        if calls.fetch_add(1, Ordering::Relaxed) < 2 {
            return Either::Left(ready(Err(Status::unavailable("connection lost"))));
        }
        let answer = server.clone().oneshot(request);
        Either::Right(async { Ok(answer.await.unwrap_or_else(|never| match never {})) })
    }))
}

struct Stack {
    client: HealthClient<Channel>,
    breaker: CircuitBreaker,
    stats: Arc<RetryStats>,
}

async fn stack() -> Stack {
    let millis = Duration::from_millis;
    let policy = RetryPolicy::try_new(4, millis(1), millis(5), 2.0, [Code::Unavailable]).unwrap();
    let retry = RetryLayer::new(move |_: &str| Some(policy.into()));
    let stats = retry.stats();
    let source = || async { Ok(Token::new("dGVzdA", None).unwrap()) };
    let breaker = CircuitBreaker::new("health", CircuitBreakerConfig::default());
    let service = CircuitBreakerLayer::new(breaker.clone()).layer(channel().await);
    let service = AuthLayer::new(source).encrypted().layer(retry.layer(service));
    let timeouts = Timeouts { default: Some(Duration::from_secs(10)), max: None };
    let service = DeadlineLayer::new(move |_: &str| timeouts).layer(service);
    let service =
        ObserveLayer::new(CallLog).layer(service).map_response(|response| response.map(Body::new));
    let client = HealthClient::new(BoxCloneSyncService::new(service));
    Stack { client, breaker, stats }
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_unary_call_of_a_generated_client_is_retried_until_it_succeeds() {
    let mut stack = stack().await;
    let response = stack.client.check(of("greet")).await.unwrap();
    assert_eq!(response.metadata().get("grpc-previous-rpc-attempts").unwrap(), "2");
    assert_eq!(stack.stats.retries(), 2);
    assert_eq!(stack.breaker.state(), State::Closed);
    let status = stack.client.check(of("nobody")).await.unwrap_err();
    assert_eq!((status.code(), stack.stats.retries()), (Code::NotFound, 2));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_generated_client_is_retried_passed_on_and_ended_by_its_deadline() {
    let mut stack = stack().await;
    let start = tokio::time::Instant::now();
    let mut stream = stack.client.watch(of("greet")).await.unwrap().into_inner();
    assert_eq!(stack.stats.retries(), 2);
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed().as_secs(), 10);
}
