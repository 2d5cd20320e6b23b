use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::client::observe::{BoxError, ObserveLayer, ObservedCall, Observer, OutgoingCall};
use crate::client::retry::{HedgingPolicy, MethodPolicy, RetryLayer, RetryPolicy};
use crate::observe::Traffic;
use crate::trace::propagation::extract;
use crate::trace::tests::{PARENT, Spans, message, streaming};
use crate::trace::{EventKind, Role, Span};

/// A channel whose first servers fail, and the headers that each was sent.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<HeaderMap>>>);

fn parent() -> TraceContext {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", PARENT.parse().unwrap());
    headers.insert("tracestate", "a=1".parse().unwrap());
    headers.insert("baggage", "k=v".parse().unwrap());
    extract(&headers).parent.unwrap()
}

/// Makes a call through everything that traces it, over a channel of which so many servers fail at first.
async fn call(
    spans: &Spans,
    ratio: f64,
    policy: Option<MethodPolicy>,
    within: Option<TraceContext>,
    failing: usize,
) -> Seen {
    let seen = Seen::default();
    let inside = seen.clone();
    let channel = service_fn(move |request: Request<Body>| {
        let number = {
            let mut seen = inside.0.lock().unwrap();
            seen.push(request.headers().clone());
            seen.len()
        };
        async move {
            if let Some(notes) = request.extensions().get::<AttemptNotes>() {
                if number == 1 {
                    notes.resolved_late();
                }
                notes.picked(format_args!("10.0.0.{number}:1"), number > 1);
            }
            request.into_body().collect().await.unwrap();
            sleep(Duration::from_millis(20)).await;
            if number > failing {
                return Ok::<_, BoxError>(Status::ok("").into_http::<Body>());
            }
            let mut status = Status::unavailable("down");
            status.metadata_mut().insert("grpc-retry-pushback-ms", "5".parse().unwrap());
            Ok(status.into_http())
        }
    });
    let tracer = spans.tracer(ratio);
    let mut service = ServiceBuilder::new()
        .layer(ObserveLayer::new(TraceSent::new(tracer.clone())))
        .layer(RetryLayer::new(move |_: &str| policy))
        .layer(ObserveLayer::new(TraceAttempts::new(tracer)))
        .service(channel);
    let mut request = Request::builder()
        .uri("/a.v1.B/C")
        .header("grpc-timeout", "1S")
        .body(Body::empty())
        .unwrap();
    if let Some(within) = within {
        request.extensions_mut().insert(within);
    }
    let response = service.ready().await.unwrap().call(request).await;
    if let Ok(response) = response {
        let _: Result<_, _> = Response::into_body(response).collect().await;
    }
    seen
}

fn retry() -> Option<MethodPolicy> {
    let millis = Duration::from_millis;
    let policy = RetryPolicy::try_new(4, millis(1), millis(1), 1.0, [Code::Unavailable]);
    Some(policy.unwrap().into())
}

/// Each attempt by the number before it, and the call.
fn apart(spans: Vec<Span>) -> (Span, Vec<Span>) {
    let (mut attempts, mut calls) = (Vec::new(), Vec::new());
    for span in spans {
        match &span.role {
            Role::Attempt { .. } => attempts.push(span),
            _ => calls.push(span),
        }
    }
    assert_eq!(calls.len(), 1);
    attempts.sort_by_key(|span| span.start);
    (calls.remove(0), attempts)
}

#[tokio::test(start_paused = true)]
async fn the_attempts_of_a_call_are_siblings_and_each_is_the_parent_of_what_it_reaches() {
    let spans = Spans::default();
    let seen = call(&spans, 0.0, retry(), Some(parent()), 2).await;
    let (sent, attempts) = apart(spans.take());
    assert_eq!(sent.name(), "Sent.a.v1.B.C");
    assert_eq!(sent.parent, Some(parent().span_id()));
    assert_eq!(sent.deadline_left, Some(Duration::from_millis(1000 - 3 * 20 - 2 * 5)));
    let Role::Sent { attempts: Some(counts), .. } = &sent.role else { panic!("{:?}", sent.role) };
    assert_eq!((counts.total, counts.retries), (3, 2));
    let kinds: Vec<_> = sent.events.iter().map(|event| event.kind).collect();
    let retries = [1, 2].map(|previous| EventKind::Retry { previous });
    assert_eq!(kinds, [EventKind::ResolvedLate, retries[0], retries[1]]);
    for (number, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt.name(), "Attempt.a.v1.B.C");
        assert_eq!(attempt.parent, Some(sent.context.span_id()));
        assert_eq!(attempt.context.trace_id(), parent().trace_id());
        let Role::Attempt { previous, endpoint, .. } = &attempt.role else { panic!("no attempt") };
        assert_eq!(*previous, number as u32);
        assert_eq!(endpoint.as_deref(), Some(&*format!("10.0.0.{}:1", number + 1)));
        let pushback = EventKind::Pushback { delay: Some(Duration::from_millis(5)) };
        let pushed_back = attempt.events.iter().any(|event| event.kind == pushback);
        assert_eq!((attempt.status.is_error(), pushed_back), (number < 2, number < 2));
        let late = attempt.events.iter().filter(|event| event.kind == EventKind::PickedLate);
        assert_eq!(late.count(), usize::from(number > 0));
        let headers = &seen.0.lock().unwrap()[number];
        let told = extract(headers).parent.unwrap();
        assert_eq!(told.span_id(), attempt.context.span_id());
        assert!(told.is_sampled());
        assert_eq!(told.state().unwrap(), "a=1");
        assert_eq!(headers.get_all("baggage").iter().collect::<Vec<_>>(), ["k=v"]);
    }
    assert_eq!(attempts.len(), 3);
    let spans = attempts.iter().chain([&sent]).map(|span| span.context.span_id().get());
    let ids: BTreeSet<_> = spans.chain([parent().span_id().get()]).collect();
    assert_eq!(ids.len(), 5, "every span has an id of its own");
}

/// Keeps where in a trace calls are, as an observer beside finds it.
#[derive(Clone, Default)]
struct Traces(Arc<Mutex<Vec<TraceContext>>>);

impl Observer for Traces {
    type Call = Self;

    fn start(&self, _: &mut OutgoingCall, _: &mut request::Parts) -> Option<Self> {
        Some(self.clone())
    }
}

impl ObservedCall for Traces {
    fn ended(self, call: &OutgoingCall, _: Ending<'_>) {
        self.0.lock().unwrap().extend(call.trace().cloned());
    }
}

/// Makes a call that sends a message, to a server that answers with two, a second each, and then this status.
async fn stream(spans: &Spans, traces: &Traces, code: Code, pushback: &'static str) {
    let channel = service_fn(move |request: Request<Body>| async move {
        request.into_body().collect().await.unwrap();
        let (mut head, body) = streaming(code).into_parts();
        let pushed = body.map_frame(move |frame| match frame.into_trailers() {
            Ok(mut trailers) => {
                trailers.insert("grpc-retry-pushback-ms", pushback.parse().unwrap());
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        });
        head.headers.insert("content-type", "application/grpc".parse().unwrap());
        Ok::<_, BoxError>(Response::from_parts(head, Body::new(pushed)))
    });
    let tracer = spans.tracer(1.0);
    let service = ServiceBuilder::new()
        .layer(ObserveLayer::new((TraceSent::new(tracer.clone()), traces.clone())))
        .layer(ObserveLayer::new((TraceAttempts::new(tracer), traces.clone())))
        .service(channel);
    let message = [Ok::<_, Status>(message(b"hello"))];
    let request = Request::builder()
        .uri("/a.v1.B/C")
        .header("grpc-timeout", "10S")
        .header("baggage", "k=v")
        .body(Body::new(StreamBody::new(tokio_stream::iter(message))))
        .unwrap();
    service.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_as_long_as_its_stream_and_tells_of_every_message() {
    let (spans, traces) = (Spans::default(), Traces::default());
    stream(&spans, &traces, Code::Internal, "-1").await;
    let (sent, attempts) = apart(spans.take());
    let [attempt] = &attempts[..] else { panic!("one attempt") };
    for span in [&sent, attempt] {
        assert_eq!(span.status, SpanStatus::grpc(Code::Internal, Some("two words")));
        assert_eq!(span.duration, Duration::from_secs(3));
        assert_eq!(span.deadline_left, Some(Duration::from_secs(7)));
        assert_eq!(span.context.baggage().unwrap(), "k=v");
    }
    let seen: Vec<_> = attempt
        .events
        .iter()
        .map(|event| ((event.at - attempt.start).as_secs(), event.kind))
        .collect();
    let expected = [
        (0, EventKind::Sent { bytes: 5 }),
        (1, EventKind::Received { bytes: 3 }),
        (2, EventKind::Received { bytes: 5 }),
        (3, EventKind::Pushback { delay: None }),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (attempt.sent, attempt.received),
        (Traffic { bytes: 10, messages: 1 }, Traffic { bytes: 18, messages: 2 })
    );
    assert_eq!((sent.sent, sent.received), (Traffic::default(), Traffic::default()));
    // Metrics and log lines find the span that they belong to: the attempt is over first.
    let contexts = traces.0.lock().unwrap();
    assert_eq!(*contexts, [attempt.context.clone(), sent.context.clone()]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_beside_another_is_a_hedge() {
    let spans = Spans::default();
    let policy = HedgingPolicy::try_new(2, Duration::from_millis(10), []).unwrap();
    call(&spans, 1.0, Some(policy.into()), None, 0).await;
    let (sent, attempts) = apart(spans.take());
    let kinds: Vec<_> = sent.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::ResolvedLate, EventKind::Hedge { previous: 1 }]);
    let codes: Vec<_> = attempts.iter().map(|attempt| attempt.status.clone()).collect();
    let cancelled = SpanStatus::grpc(Code::Cancelled, None);
    assert_eq!(codes, [SpanStatus::grpc(Code::Ok, None), cancelled]);
}

#[tokio::test(start_paused = true)]
async fn of_a_call_that_is_not_sampled_only_the_ids_go_out() {
    let spans = Spans::default();
    let seen = call(&spans, 0.0, retry(), None, 1).await;
    assert_eq!(spans.take().len(), 0);
    let headers = seen.0.lock().unwrap();
    let told: Vec<_> = headers.iter().map(|headers| extract(headers).parent.unwrap()).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|each| !each.is_sampled() && each == &told[0]), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_says_how_often_it_was_sent() {
    let spans = Spans::default();
    call(&spans, 1.0, retry(), None, 9).await;
    let (sent, attempts) = apart(spans.take());
    let Role::Sent { attempts: Some(counts), .. } = &sent.role else { panic!("{:?}", sent.role) };
    assert_eq!((counts.total, attempts.len()), (4, 4));
    let last = sent.events.last().unwrap().kind;
    assert_eq!(last, EventKind::Note("No retry, every attempt is made"));
    assert_eq!(sent.status, SpanStatus::grpc(Code::Unavailable, Some("down")));
}
