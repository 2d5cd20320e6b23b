//! The rules of gRFC A6, and the tables of grpc-go (test/retry_test.go) and grpc-java (RetriableStreamTest), on a paused clock.

mod calls;
mod hedging;
mod limits;
mod streaming;
mod throttling;

use std::future::Future;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use tokio::time::{Duration, Instant};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use tower_service::Service;

use super::{Accounting, HedgingPolicy, MethodPolicy, RetryLayer, RetryPolicy};
use crate::client::observe::ObservedBody;

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The policy of grpc-go's tests: delays of about 10 ms.
pub(super) fn retry(max_attempts: u32, code: Code) -> MethodPolicy {
    RetryPolicy::try_new(max_attempts, millis(10), millis(10), 1.0, [code]).unwrap().into()
}

pub(super) fn hedging(max_attempts: u32, delay: Duration, codes: &[Code]) -> MethodPolicy {
    HedgingPolicy::try_new(max_attempts, delay, codes.iter().copied()).unwrap().into()
}

pub(super) fn layer(policy: MethodPolicy) -> RetryLayer {
    RetryLayer::new(move |_: &str| Some(policy))
}

pub(super) fn request() -> Request<Body> {
    Request::builder().uri("/test.Service/Method").body(Body::empty()).unwrap()
}

/// A response that is nothing but a status.
pub(super) fn trailers_only(code: Code) -> Response<Body> {
    Status::new(code, "from the server").into_http()
}

pub(super) fn pushed_back(code: Code, values: &[&str]) -> Response<Body> {
    let mut response = trailers_only(code);
    for value in values {
        response.headers_mut().append("grpc-retry-pushback-ms", value.parse().unwrap());
    }
    response
}

/// The head of a response whose body is still to come.
pub(super) fn head() -> Response<Body> {
    Response::builder().header("content-type", "application/grpc").body(Body::empty()).unwrap()
}

pub(super) type Outcome = Result<Response<ObservedBody<Body, Accounting>>, Status>;

/// The code that a caller sees.
pub(super) fn code(outcome: &Outcome) -> Code {
    match outcome {
        Ok(response) => response
            .headers()
            .get("grpc-status")
            .map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes())),
        Err(status) => status.code(),
    }
}

/// What a server has seen: when each attempt came, and its headers.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<(Instant, HeaderMap)>>>);

impl Seen {
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// When the attempts came, after `start`, in milliseconds.
    pub(super) fn times(&self, start: Instant) -> Vec<u128> {
        self.0.lock().unwrap().iter().map(|(at, _)| (*at - start).as_millis()).collect()
    }

    /// The values of a header, attempt by attempt.
    pub(super) fn header(&self, name: &str) -> Vec<Option<String>> {
        let seen = self.0.lock().unwrap();
        let value = |headers: &HeaderMap| Some(headers.get(name)?.to_str().unwrap().to_owned());
        seen.iter().map(|(_, headers)| value(headers)).collect()
    }
}

/// A server that answers its n-th attempt, counted from 0, with what `answer` makes.
pub(super) fn server<A, F>(
    seen: &Seen,
    answer: A,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Status, Future: Send>
+ Clone
+ use<A, F>
where
    A: Fn(usize) -> F + Clone,
    F: Future<Output = Result<Response<Body>, Status>> + Send,
{
    let seen = seen.clone();
    service_fn(move |request: Request<Body>| {
        let number = {
            let mut seen = seen.0.lock().unwrap();
            seen.push((Instant::now(), request.headers().clone()));
            seen.len() - 1
        };
        answer(number)
    })
}

/// A server that answers at once.
pub(super) fn prompt<A>(
    seen: &Seen,
    answer: A,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Status, Future: Send> + Clone + use<A>
where
    A: Fn(usize) -> Result<Response<Body>, Status> + Clone,
{
    server(seen, move |number| std::future::ready(answer(number)))
}

/// One call through a layer.
pub(super) async fn call<S>(layer: &RetryLayer, server: S) -> Outcome
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status> + Clone,
{
    send(layer, server, request()).await
}

/// As [`call`], of a certain request. A call that would never end fails the test.
pub(super) async fn send<S>(layer: &RetryLayer, server: S, request: Request<Body>) -> Outcome
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status> + Clone,
{
    let call = layer.layer(server).oneshot(request);
    tokio::time::timeout(Duration::from_secs(60), call).await.unwrap()
}
