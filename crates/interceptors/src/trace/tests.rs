use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::access_log::AccessLog;
use crate::log_lines::Lines;
use crate::observe::{CallRecord, ObserveLayer, ObservedRequestBody, Traffic};

/// Keeps spans.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<Vec<Span>>>);

impl SpanSink for Spans {
    fn finished(&self, span: Span) {
        self.0.lock().unwrap().push(span);
    }
}

impl Spans {
    pub(crate) fn tracer(&self, ratio: f64) -> Tracer {
        let sink: Arc<dyn SpanSink> = Arc::new(self.clone());
        Tracer::new("server", Sampler::ratio(ratio).unwrap().parent_based(), sink)
    }

    pub(crate) fn take(&self) -> Vec<Span> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

type Req = Request<ObservedRequestBody<Body>>;

pub(crate) fn message(text: &'static [u8]) -> Frame<Bytes> {
    let mut message = vec![0, 0, 0, 0, text.len() as u8];
    message.extend(text);
    Frame::data(message.into())
}

/// A body of two messages that take a second each, and its status.
pub(crate) fn streaming(code: Code) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    Status::new(code, "two words").add_header(&mut trailers).unwrap();
    let frames = [message(b"abc"), message(b"defgh"), Frame::trailers(trailers)];
    let frames = slow_stream(frames.into());
    Response::builder().header("content-type", "application/grpc").body(frames).unwrap()
}

fn slow_stream(frames: Vec<Frame<Bytes>>) -> Body {
    let frames = futures_util::stream::unfold(frames.into_iter(), |mut frames| async {
        let frame = frames.next()?;
        sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Status>(frame), frames))
    });
    Body::new(StreamBody::new(Box::pin(frames)))
}

fn request(headers: &[(&'static str, &'static str)]) -> Request<Body> {
    let frames = [Ok::<_, Status>(message(b"hello"))];
    let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
    let mut request = Request::builder()
        .method("POST")
        .uri("/a.v1.B/C?token=secret")
        .header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

async fn answer(code: Code, request: Req) -> Result<Response<Body>, Infallible> {
    request.into_body().collect().await.unwrap();
    Ok(streaming(code))
}

async fn call(tracer: Tracer, code: Code, headers: &[(&'static str, &'static str)]) {
    let handler = service_fn(move |request: Req| answer(code, request));
    let service = ObserveLayer::new("server", TraceCalls::new(tracer)).layer(handler);
    let response = service.oneshot(request(headers)).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_span_is_as_long_as_the_stream_and_tells_of_every_message() {
    let spans = Spans::default();
    let headers = [("traceparent", PARENT), ("tracestate", "a=1"), ("grpc-timeout", "10S")];
    call(spans.tracer(0.0), Code::NotFound, &headers).await;
    let [span] = &spans.take()[..] else { panic!("one span") };
    assert_eq!(span.name(), "Recv.a.v1.B.C", "without the query, which may hold a token");
    assert_eq!(span.duration, Duration::from_secs(3));
    assert_eq!(span.deadline_left, Some(Duration::from_secs(7)));
    let message = Some("two words".into());
    assert_eq!(span.status, SpanStatus::Grpc { code: Code::NotFound, message });
    assert_eq!(span.context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert_ne!(Some(span.context.span_id()), span.parent, "it has an id of its own");
    assert_eq!(span.context.state().unwrap(), "a=1");
    let seen: Vec<_> =
        span.events.iter().map(|event| ((event.at - span.start).as_secs(), event.kind)).collect();
    let expected = [
        (0, EventKind::Received { bytes: 5 }),
        (1, EventKind::Sent { bytes: 3 }),
        (2, EventKind::Sent { bytes: 5 }),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (span.received, span.sent),
        (Traffic { bytes: 10, messages: 1 }, Traffic { bytes: 18, messages: 2 },)
    );
}

#[tokio::test(start_paused = true)]
async fn who_begins_a_trace_decides_for_all_but_keeps_its_errors() {
    let spans = Spans::default();
    for (ratio, parent, code, expected) in [
        (1.0, None, Code::Ok, 1),
        (0.0, None, Code::Ok, 0),
        (0.0, None, Code::Internal, 1),
        (1.0, Some(UNSAMPLED), Code::Ok, 0),
        (1.0, Some(UNSAMPLED), Code::Internal, 0),
        (0.0, Some(PARENT), Code::Ok, 1),
        (1.0, Some("nonsense"), Code::Ok, 1),
    ] {
        let headers: Vec<_> = parent.map(|parent| ("traceparent", parent)).into_iter().collect();
        call(spans.tracer(ratio), code, &headers).await;
        let seen = spans.take();
        assert_eq!(seen.len(), expected, "{ratio} {parent:?} {code:?}");
    }
}

#[tokio::test]
async fn an_error_that_is_kept_has_no_events_and_all_that_is_known_at_the_end() {
    let spans = Spans::default();
    let handler = service_fn(|_: Req| async {
        Ok::<_, Infallible>(Status::unavailable("gone").into_http::<Body>())
    });
    let service = ObserveLayer::new("server", TraceCalls::new(spans.tracer(0.0))).layer(handler);
    service.oneshot(request(&[])).await.unwrap();
    let [span] = &spans.take()[..] else { panic!("one span") };
    assert_eq!(span.status, SpanStatus::grpc(Code::Unavailable, Some("gone")));
    assert_eq!((span.events.len(), span.parent), (0, None));
}

#[tokio::test]
async fn a_call_that_is_cut_is_a_cancelled_span_and_an_error_that_is_kept() {
    let spans = Spans::default();
    for ratio in [1.0, 0.0] {
        let handler = service_fn(|_: Req| async { Ok::<_, Infallible>(streaming(Code::Ok)) });
        let observer = TraceCalls::new(spans.tracer(ratio));
        let service = ObserveLayer::new("server", observer).layer(handler);
        drop(service.oneshot(request(&[])).await.unwrap());
        assert_eq!(spans.take()[0].status, SpanStatus::grpc(Code::Cancelled, None));
    }
}

#[tokio::test]
async fn a_name_is_as_long_as_it_may_be_whatever_a_caller_has_made_up() {
    let spans = Spans::default();
    // Whether the limit is between two characters or within one.
    for (path, bytes) in [("/ü", 511), ("/xü", 512), ("/a", 512)] {
        let handler =
            service_fn(|_: Req| async { Ok::<_, Infallible>(Status::ok("").into_http::<Body>()) });
        let service =
            ObserveLayer::new("server", TraceCalls::new(spans.tracer(1.0))).layer(handler);
        let mut request = request(&[]);
        let last = path.chars().last().unwrap().to_string();
        *request.uri_mut() = format!("{path}{}", last.repeat(1000)).try_into().unwrap();
        service.oneshot(request).await.unwrap();
        let name = spans.take()[0].name();
        assert_eq!(name.len(), "Recv".len() + bytes, "{name}");
    }
}

#[test]
fn two_lists_of_events_become_one_in_the_order_of_time() {
    let begin = tokio::time::Instant::now();
    let events = |times: &[u64]| -> Vec<_> {
        let event =
            |ms| Event { at: begin + Duration::from_millis(ms), kind: EventKind::PickedLate };
        times.iter().copied().map(event).collect()
    };
    for (first, second, all) in [
        (&[1, 4][..], &[2, 3][..], &[1, 2, 3, 4][..]),
        (&[5], &[1], &[1, 5]),
        (&[], &[7], &[7]),
        (&[7], &[], &[7]),
    ] {
        let mut merged = events(first);
        merge(&mut merged, events(second));
        assert_eq!(merged, events(all));
    }
}

#[test]
fn a_span_began_as_long_ago_as_it_took() {
    let (hour, before) = (Duration::from_hours(1), std::time::SystemTime::now());
    let began = time_of_day(hour);
    assert!(before <= began + hour && began + hour <= std::time::SystemTime::now());
}

#[test]
fn each_server_of_a_process_has_spans_of_its_own_name() {
    let tracer = Spans::default().tracer(1.0);
    assert_eq!((&**tracer.of("other").service(), &**tracer.service()), ("other", "server"));
}

#[tokio::test]
async fn a_span_of_http_is_named_by_its_route_and_only_5xx_is_its_error() {
    let spans = Spans::default();
    for (status, route, name, error) in [
        (200, Some("/v1/movies/{id}"), "POST /v1/movies/{id}", false),
        (404, None, "POST", false),
        (503, Some("/greet"), "POST /greet", true),
    ] {
        let handler = service_fn(move |request: Req| async move {
            if let Some(route) = route {
                request.extensions().get::<CallRecord>().unwrap().set_route(route);
            }
            Ok::<_, Infallible>(Response::builder().status(status).body(Body::empty()).unwrap())
        });
        let observer = TraceCalls::new(spans.tracer(1.0));
        let service = ObserveLayer::new("gateway", observer).layer(handler);
        let mut request = request(&[]);
        request.headers_mut().remove("content-type");
        service.oneshot(request).await.unwrap();
        let span = spans.take().remove(0);
        assert_eq!((span.name(), span.status.is_error()), (name.to_owned(), error));
    }
}

#[tokio::test]
async fn probes_begin_no_trace_and_are_part_of_one() {
    let spans = Spans::default();
    for (headers, expected) in [(vec![], 0), (vec![("traceparent", PARENT)], 1)] {
        let handler =
            service_fn(|_: Req| async { Ok::<_, Infallible>(Status::ok("").into_http::<Body>()) });
        let service =
            ObserveLayer::new("server", TraceCalls::new(spans.tracer(1.0))).layer(handler);
        let mut request = request(&headers);
        *request.uri_mut() = "/grpc.health.v1.Health/Check".parse().unwrap();
        service.oneshot(request).await.unwrap();
        assert_eq!(spans.take().len(), expected);
    }
}

#[tokio::test]
async fn the_log_line_of_a_call_has_the_id_of_its_trace() {
    let lines = Lines::default();
    let _guard = lines.subscribe_json();
    let spans = Spans::default();
    let handler =
        service_fn(|_: Req| async { Ok::<_, Infallible>(Status::ok("").into_http::<Body>()) });
    let observers = (TraceCalls::new(spans.tracer(1.0)), AccessLog);
    let service = ObserveLayer::new("server", observers).layer(handler);
    service.oneshot(request(&[("traceparent", PARENT)])).await.unwrap();
    let text = lines.text();
    assert!(text.contains(r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736""#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_end_has_a_bounded_number_of_events() {
    let spans = Spans::default();
    let handler = service_fn(|_: Req| async {
        let frames = (0..1000).map(|_| Ok::<_, Status>(message(b"x")));
        let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
        let response = Response::builder().header("content-type", "application/grpc");
        Ok::<_, Infallible>(response.body(body).unwrap())
    });
    let service = ObserveLayer::new("server", TraceCalls::new(spans.tracer(1.0))).layer(handler);
    let response = service.oneshot(request(&[])).await.unwrap();
    response.into_body().collect().await.unwrap();
    let span = spans.take().remove(0);
    assert_eq!((span.events.len(), span.sent.messages), (128, 1000));
}
