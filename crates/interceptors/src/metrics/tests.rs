use std::convert::Infallible;

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, advance};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::observe::{ObserveLayer, ObservedRequestBody};
use crate::path_alias::PathAlias;
use crate::trace::TraceCalls;
use crate::trace::tests::{PARENT, Spans, message};

static CALLS: Metric = Metric::counter("test_calls", "Calls");
static LEVEL: Metric = Metric::gauge("test_level", "A level");
static TIMES: Metric = Metric::histogram("test_times_seconds", "Times");

fn text(samples: &Samples) -> String {
    samples.text(Format::OpenMetrics)
}

fn told(source: &impl Source) -> String {
    let mut samples = Samples::default();
    source.collect(&mut samples.within(Labels::default()));
    text(&samples)
}

#[test]
fn a_hundred_thousand_random_methods_add_one_series() {
    let calls = ServerCalls::new(["/a.B/Get"]);
    let series = || told(&calls).lines().filter(|line| !line.starts_with('#')).count();
    calls.start("/a.B/Get").end(Code::Ok, &Totals::default());
    calls.start("/a.B/Nothing").end(Code::Unimplemented, &Totals::default());
    let before = series();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..100_000 {
        let path = format!("/{}/{}", random.u64(..), random.u64(..));
        calls.start(&path).end(Code::Unimplemented, &Totals::default());
    }
    assert_eq!(series(), before);
    let expected = "grpc_server_call_started_total{grpc_method=\"other\"} 100001\n";
    assert!(told(&calls).contains(expected), "{}", told(&calls));
}

#[test]
fn a_call_is_counted_by_method_and_status_with_its_time_and_sizes() {
    let calls =
        ServerCalls::with_aliases(["/a.B/Get"], &[PathAlias { from: "/old.B/", to: "/a.B/" }]);
    for path in ["/a.B/Get", "/old.B/Get"] {
        let duration = Duration::from_millis(7);
        let totals = Totals { duration, sent_bytes: 10, received_bytes: 2000, ..Totals::default() };
        calls.start(path).end(Code::NotFound, &totals);
    }
    let _ = calls.start("/a.B/Get");
    let text = told(&calls);
    let labels = r#"{grpc_method="a.B/Get",grpc_status="NOT_FOUND""#;
    let size = "total_compressed_message_size_bytes";
    for expected in [
        r#"grpc_server_call_started_total{grpc_method="a.B/Get"} 3"#.to_owned(),
        format!("grpc_server_call_duration_seconds_bucket{labels},le=\"0.006\"}} 0"),
        format!("grpc_server_call_duration_seconds_bucket{labels},le=\"0.008\"}} 2"),
        format!("grpc_server_call_duration_seconds_sum{labels}}} 0.014"),
        format!("grpc_server_call_duration_seconds_count{labels}}} 2"),
        format!("grpc_server_call_sent_{size}_sum{labels}}} 20"),
        format!("grpc_server_call_rcvd_{size}_bucket{labels},le=\"1024.0\"}} 0"),
        format!("grpc_server_call_rcvd_{size}_bucket{labels},le=\"2048.0\"}} 2"),
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn everything_of_a_metric_stands_together_whoever_has_told_it() {
    let mut samples = Samples::default();
    for server in ["greet", "cache"] {
        let mut within = samples.within([("server", server)]);
        within.add(&CALLS, [("grpc_method", "a.B/Get")], 1);
        within.add(&LEVEL, Labels::default(), 0.5);
    }
    let expected = "\
        # HELP test_calls Calls\n\
        # TYPE test_calls counter\n\
        test_calls_total{server=\"cache\",grpc_method=\"a.B/Get\"} 1\n\
        test_calls_total{server=\"greet\",grpc_method=\"a.B/Get\"} 1\n\
        # HELP test_level A level\n\
        # TYPE test_level gauge\n\
        test_level{server=\"cache\"} 0.5\n\
        test_level{server=\"greet\"} 0.5\n\
        # EOF\n";
    assert_eq!(text(&samples), expected);
    let plain = expected.replace("test_calls ", "test_calls_total ").replace("# EOF\n", "");
    assert_eq!(samples.text(Format::Plain), plain);
}

#[test]
fn a_series_is_told_once_although_two_have_something_to_tell() {
    let times = Histogram::new(&LATENCY);
    times.record(5_000_000);
    let mut samples = Samples::default();
    for _ in 0..2 {
        samples.add(&CALLS, [("grpc_target", "dns:///a")], 3);
        samples.add(&TIMES, [("grpc_target", "dns:///a")], &times);
    }
    let text = text(&samples);
    for expected in [
        "test_calls_total{grpc_target=\"dns:///a\"} 6\n",
        "test_times_seconds_bucket{grpc_target=\"dns:///a\",le=\"0.005\"} 2\n",
        "test_times_seconds_sum{grpc_target=\"dns:///a\"} 0.01\n",
    ] {
        assert_eq!(text.matches(expected).count(), 1, "{text}");
    }
}

#[test]
fn what_a_stranger_has_chosen_stays_within_its_label() {
    let mut samples = Samples::default();
    samples.add(&CALLS, [("grpc_target", "a\"} 1\nevil_total 7\\\r\u{1b}[2J")], 1);
    let line = text(&samples).lines().nth(2).unwrap().to_owned();
    let expected =
        "test_calls_total{grpc_target=\"a\\\"} 1\\nevil_total 7\\\\\u{fffd}\u{fffd}[2J\"} 1";
    assert_eq!(line, expected);
}

#[test]
fn an_example_is_written_for_who_can_read_it() {
    let times = Histogram::new(&LATENCY);
    times.record_traced(2_500_000, 0xabc);
    let mut samples = Samples::default();
    samples.add(&TIMES, Labels::default(), &times);
    let open = text(&samples);
    let expected = "test_times_seconds_bucket{le=\"0.003\"} 1 # {trace_id=\"00000000000000000000000000000abc\"} 0.0025 1";
    assert!(open.contains(expected), "{open}");
    let plain = samples.text(Format::Plain);
    assert!(plain.contains("test_times_seconds_bucket{le=\"0.003\"} 1\n"), "{plain}");
}

#[test]
fn open_metrics_is_for_those_who_name_it() {
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
    assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
    for accept in [None, Some("*/*"), Some("text/html"), Some("text/plain;version=0.0.4")] {
        assert_eq!(Format::accepted(accept), Format::Plain, "{accept:?}");
    }
}

type Req = Request<ObservedRequestBody<Body>>;

/// Calls `/a.B/Get` with a message of 5 bytes; `answer` has it read already.
async fn observed(
    calls: &ServerCalls,
    traceparent: Option<&'static str>,
    answer: fn() -> Response<Body>,
) -> Response<impl http_body::Body<Data = Bytes, Error = Status>> {
    let service = service_fn(move |request: Req| async move {
        request.into_body().collect().await.unwrap();
        advance(Duration::from_millis(7)).await;
        Ok::<_, Infallible>(answer())
    });
    let spans = Spans::default();
    let observers = (TraceCalls::new(spans.tracer(0.0)), calls.clone());
    let body = StreamBody::new(tokio_stream::iter([Ok::<_, Status>(message(b"hello"))]));
    let mut request = Request::post("/a.B/Get").header("content-type", "application/grpc");
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let request = request.body(Body::new(body)).unwrap();
    ObserveLayer::new("server", observers).layer(service).oneshot(request).await.unwrap()
}

/// Two messages of 3 and 5 bytes, and OK.
fn stream() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    Status::new(Code::Ok, "").add_header(&mut trailers).unwrap();
    let frames = [message(b"abc"), message(b"defgh"), Frame::trailers(trailers)];
    let frames = StreamBody::new(tokio_stream::iter(frames.map(Ok::<_, Status>)));
    Response::builder().header("content-type", "application/grpc").body(Body::new(frames)).unwrap()
}

fn no_grpc() -> Response<Body> {
    Response::builder().status(415).body(Body::empty()).unwrap()
}

fn assert_has(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected} is missing in\n{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_counted_when_its_body_ends_with_the_bytes_of_its_messages() {
    let calls = ServerCalls::new(["/a.B/Get"]);
    let response = observed(&calls, None, stream).await;
    assert!(!told(&calls).contains("duration"), "the call goes on");
    advance(Duration::from_millis(13)).await;
    response.into_body().collect().await.unwrap();
    let text = told(&calls);
    let labels = r#"{grpc_method="a.B/Get",grpc_status="OK"}"#;
    assert_has(&text, &format!("grpc_server_call_duration_seconds_sum{labels} 0.02\n"));
    let size = "total_compressed_message_size_bytes_sum";
    assert_has(&text, &format!("grpc_server_call_sent_{size}{labels} 8\n"));
    assert_has(&text, &format!("grpc_server_call_rcvd_{size}{labels} 5\n"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_to_the_end_is_cancelled() {
    let calls = ServerCalls::new(["/a.B/Get"]);
    drop(observed(&calls, None, stream).await);
    assert_has(
        &told(&calls),
        "duration_seconds_count{grpc_method=\"a.B/Get\",grpc_status=\"CANCELLED\"} 1",
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_grpc_is_what_a_client_makes_of_it() {
    let calls = ServerCalls::new(["/a.B/Get"]);
    observed(&calls, None, no_grpc).await.into_body().collect().await.unwrap();
    assert_has(
        &told(&calls),
        "duration_seconds_count{grpc_method=\"a.B/Get\",grpc_status=\"UNKNOWN\"} 1",
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_trace_is_kept_is_an_example() {
    let calls = ServerCalls::new(["/a.B/Get"]);
    observed(&calls, None, stream).await.into_body().collect().await.unwrap();
    assert!(!told(&calls).contains("trace_id"), "its trace is not kept");
    observed(&calls, Some(PARENT), stream).await.into_body().collect().await.unwrap();
    let example = "le=\"0.008\"} 2 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.007 ";
    assert_has(&told(&calls), example);
}
