use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Any, KeyValue};
use prost::Message;
use tokio::time::{Instant, advance, sleep};

use super::exporter::Exporter;
use super::*;

/// A span that is told by its number.
#[derive(Clone, Debug)]
struct Numbered(u64);

impl Exported for Numbered {
    fn view(&self) -> SpanView<'_> {
        let start = UNIX_EPOCH + Duration::from_secs(self.0);
        let attributes = vec![
            ("text", Value::Text("ü".repeat(100).into())),
            ("int", Value::Int(-7)),
            ("number", Value::Number(0.5)),
            ("yes", Value::Bool(true)),
        ];
        let event =
            EventView { time: start, name: "Inbound message", attributes: attributes.clone() };
        SpanView {
            service: if self.0.is_multiple_of(2) { "even" } else { "odd" },
            trace_id: u128::MAX - 1,
            span_id: self.0,
            parent: (self.0 > 1).then_some(1),
            parent_is_remote: self.0 > 2,
            trace_state: "a=1",
            name: Cow::Owned(format!("span {}", self.0)),
            kind: SpanKind::Server,
            start,
            end: start + Duration::from_nanos(1),
            attributes,
            events: vec![event],
            status: match self.0 {
                1 => SpanStatus::Ok,
                2 => SpanStatus::Unset,
                _ => SpanStatus::Error("INTERNAL, broken".into()),
            },
        }
    }
}

/// A collector that answers as it is told, and well once nothing is left to tell.
#[derive(Clone, Default)]
struct Collector {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    /// When it was asked to take something.
    asked: Arc<Mutex<Vec<Instant>>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Refused,
    Never,
    Invalid,
    Rejected(usize),
}

impl Transport for Collector {
    fn export<'a>(
        &'a mut self,
        request: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<usize, ExportError>> + 'a>> {
        self.asked.lock().unwrap().push(Instant::now());
        let answer = self.answers.lock().unwrap().pop_front();
        let failed = |retryable| Err(ExportError { reason: "down".to_owned(), retryable });
        Box::pin(async move {
            let taken = match answer {
                Some(Answer::Refused) => return failed(true),
                Some(Answer::Invalid) => return failed(false),
                Some(Answer::Never) => std::future::pending().await,
                Some(Answer::Rejected(spans)) => spans,
                None => 0,
            };
            let request = ExportTraceServiceRequest::decode(request).unwrap();
            self.requests.lock().unwrap().push(request);
            Ok(taken)
        })
    }
}

impl Collector {
    fn that(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        Self { answers, ..Self::default() }
    }

    /// The ids of the spans of each request.
    fn seen(&self) -> Vec<Vec<u64>> {
        let requests = self.requests.lock().unwrap();
        let ids = requests.iter().map(|request| {
            let mut ids: Vec<_> = request
                .resource_spans
                .iter()
                .flat_map(|spans| &spans.scope_spans[0].spans)
                .map(|span| u64::from_be_bytes(span.span_id.clone().try_into().unwrap()))
                .collect();
            ids.sort_unstable();
            ids
        });
        ids.collect()
    }
}

/// A queue and its exporter, run on the clock of the test.
fn exporting(
    settings: TraceSettings,
    collector: &Collector,
) -> (Arc<SpanQueue<Numbered>>, tokio::task::JoinHandle<()>) {
    let queue = Arc::new(SpanQueue::new(settings.queue, settings.batch));
    let exporter = Exporter::new(queue.clone(), settings);
    let export = Export::Otlp(Box::new(collector.clone()));
    let task = tokio::task::spawn_local(exporter.run(export));
    (queue, task)
}

fn settings() -> TraceSettings {
    TraceSettings { queue: 6, batch: 3, ..TraceSettings::default() }
}

/// What is logged on this thread while the guard is held.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn keep(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines = tracing_subscriber::fmt().without_time().with_ansi(false);
        tracing::subscriber::set_default(lines.with_writer(move || log.clone()).finish())
    }

    /// The lines since this was last called.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }
}

/// Runs work that may start tasks of its own thread.
async fn locally(work: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(work).await;
}

#[test]
fn the_types_of_otlp_read_what_we_write() {
    let mut request = otlp::Request::new(vec![("zone".to_owned(), "a".to_owned())]);
    for number in [1, 2, 3] {
        request.add(&Numbered(number).view());
    }
    let bytes = request.take();
    let read = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    assert_eq!(read.encode_to_vec().len(), bytes.len(), "nothing is written that is not read");
    let [odd, even] = &read.resource_spans[..] else { panic!("{read:?}") };
    let text = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(Any { value: Some(AnyValue::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let resource = odd.resource.as_ref().unwrap();
    assert_eq!(resource.attributes, [text("service.name", "odd"), text("zone", "a")]);
    assert_eq!(odd.scope_spans[0].scope.as_ref().unwrap().name, "wayside");
    let [first, third] = &odd.scope_spans[0].spans[..] else { panic!("{odd:?}") };
    let second = &even.scope_spans[0].spans[0];
    assert_eq!(first.trace_id, (u128::MAX - 1).to_be_bytes());
    assert_eq!((&*first.parent_span_id, second.parent_span_id.len()), (&[][..], 8));
    assert_eq!((&*first.trace_state, &*first.name, first.kind), ("a=1", "span 1", 2));
    assert_eq!([first, second, third].map(|span| span.flags), [0x101, 0x101, 0x301]);
    assert_eq!(
        (first.start_time_unix_nano, first.end_time_unix_nano),
        (1_000_000_000, 1_000_000_001)
    );
    let values: Vec<_> =
        first.attributes.iter().map(|of| of.value.clone().unwrap().value.unwrap()).collect();
    let expected = [
        AnyValue::StringValue("ü".repeat(100)),
        AnyValue::IntValue(-7),
        AnyValue::DoubleValue(0.5),
        AnyValue::BoolValue(true),
    ];
    assert_eq!(values, expected);
    let event = &first.events[0];
    assert_eq!((&*event.name, event.time_unix_nano), ("Inbound message", 1_000_000_000));
    assert_eq!(event.attributes, first.attributes);
    let status = [first, second, third].map(|span| span.status.clone().unwrap_or_default());
    assert_eq!(status.each_ref().map(|status| status.code), [1, 0, 2]);
    assert_eq!(status[2].message, "INTERNAL, broken");
    assert!(request.take().is_empty(), "a request is taken once");
}

#[tokio::test(start_paused = true)]
async fn spans_are_sent_when_there_are_enough_or_when_one_has_waited() {
    locally(async {
        let collector = Collector::default();
        let (queue, _task) = exporting(settings(), &collector);
        let begin = Instant::now();
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(collector.seen(), [[1, 2, 3]]);
        queue.push(Numbered(4));
        sleep(Duration::from_secs(4)).await;
        assert_eq!(collector.seen().len(), 1, "it waits for others");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(collector.seen(), [vec![1, 2, 3], vec![4]]);
        assert_eq!(queue.counts().exported, 4);
        assert!(begin.elapsed() < Duration::from_secs(10));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_for_a_while_gets_everything_that_had_room() {
    locally(async {
        let collector = Collector::that([Answer::Refused, Answer::Never]);
        let (queue, _task) = exporting(settings(), &collector);
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_millis(1)).await;
        (4..=20).for_each(|number| queue.push(Numbered(number)));
        let counts = SpanCounts { exported: 0, dropped: 11, failed: 0 };
        assert_eq!(queue.counts(), counts, "six wait, three are being sent");
        sleep(Duration::from_secs(30)).await;
        assert_eq!(collector.seen(), [[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
        assert_eq!(queue.counts(), SpanCounts { exported: 9, dropped: 11, failed: 0 });
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_will_never_be_taken_is_sent_once_and_the_rest_not_for_ever() {
    locally(async {
        let collector = Collector::that([Answer::Invalid]);
        let (queue, _task) = exporting(settings(), &collector);
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(queue.counts().failed, 3);
        *collector.answers.lock().unwrap() = [Answer::Refused; 6].into();
        (4..=6).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(queue.counts().failed, 6);
        *collector.answers.lock().unwrap() = [Answer::Rejected(1)].into();
        (7..=9).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(queue.counts(), SpanCounts { exported: 2, dropped: 0, failed: 7 });
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_what_is_there_and_only_for_so_long() {
    locally(async {
        let collector = Collector::default();
        let (queue, task) = exporting(settings(), &collector);
        queue.push(Numbered(1));
        queue.close(Instant::now() + Duration::from_secs(2));
        task.await.unwrap();
        assert_eq!(collector.seen(), [[1]]);
        queue.push(Numbered(2));
        assert_eq!(queue.counts().dropped, 1, "nobody would send it");

        let collector = Collector::that([Answer::Never, Answer::Never]);
        let (queue, task) = exporting(settings(), &collector);
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_millis(1)).await;
        (4..=5).for_each(|number| queue.push(Numbered(number)));
        let begin = Instant::now();
        queue.close(begin + Duration::from_secs(2));
        task.await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), 2);
        assert_eq!(queue.counts().failed, 5);
        advance(Duration::ZERO).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_wakes_an_exporter_that_waits() {
    locally(async {
        let collector = Collector::default();
        let (queue, _task) = exporting(settings(), &collector);
        sleep(Duration::from_secs(1)).await;
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(collector.seen(), [[1, 2, 3]]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_smaller_than_a_batch_is_sent_when_it_is_full() {
    locally(async {
        let collector = Collector::default();
        let settings = TraceSettings { queue: 2, batch: 3, ..settings() };
        let (queue, _task) = exporting(settings, &collector);
        (1..=2).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(collector.seen(), [[1, 2]]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_is_asked_after_waits_that_double() {
    locally(async {
        let collector = Collector::that([Answer::Refused; 6]);
        let (queue, _task) = exporting(settings(), &collector);
        let begin = Instant::now();
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_mins(2)).await;
        let asked = collector.asked.lock().unwrap();
        let asked: Vec<_> = asked.iter().map(|at| (*at - begin).as_secs()).collect();
        assert_eq!(asked, [0, 1, 3, 7, 15, 31]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_the_next_attempt() {
    locally(async {
        let collector = Collector::that([Answer::Refused; 6]);
        let (queue, task) = exporting(settings(), &collector);
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        // The next attempt would be at 15 s.
        sleep(Duration::from_secs(8)).await;
        let begin = Instant::now();
        queue.close(begin + Duration::from_secs(2));
        task.await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!((collector.asked.lock().unwrap().len(), queue.counts().failed), (5, 3));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_log_says_once_a_minute_what_is_lost_and_once_that_it_is_over() {
    locally(async {
        let log = Log::default();
        let _guard = log.keep();
        let collector = Collector::that([Answer::Invalid; 4]);
        let (queue, _task) = exporting(settings(), &collector);
        for (pause, expected) in [
            (1, &["WARN traces: spans are not exported error=down lost=3 dropped=0"][..]),
            (1, &[]),
            (60, &[]),
            (1, &["WARN traces: spans are not exported error=down lost=9 dropped=0"]),
            (1, &["INFO traces: spans are exported again"]),
            (1, &[]),
        ] {
            (1..=3).for_each(|number| queue.push(Numbered(number)));
            sleep(Duration::from_secs(pause)).await;
            assert_eq!(log.take(), expected);
        }
        (1..=20).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_secs(10)).await;
        (1..=20).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_secs(10)).await;
        assert_eq!(log.take(), ["WARN traces: spans had no room in the queue dropped=14"]);
        sleep(Duration::from_mins(1)).await;
        (1..=3).for_each(|number| queue.push(Numbered(number)));
        sleep(Duration::from_secs(10)).await;
        assert_eq!(log.take(), ["WARN traces: spans had no room in the queue dropped=14"]);
    })
    .await;
}

#[test]
fn an_end_that_was_asked_for_twice_waits_for_nothing() {
    let collector = Collector::that([Answer::Never]);
    let (queue, guard) = start(settings(), Export::Otlp(Box::new(collector.clone()))).unwrap();
    queue.push(Numbered(1));
    let begin = Instant::now();
    guard.abandon();
    assert!(begin.elapsed() < settings().flush / 2);
}

#[test]
fn a_line_of_json_says_what_otlp_says() {
    let mut line = Vec::new();
    stdout::write(&mut line, &Numbered(3).view()).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["trace_id"], "fffffffffffffffffffffffffffffffe");
    assert_eq!(
        (&line["span_id"], &line["parent_span_id"]),
        (&"0000000000000003".into(), &"0000000000000001".into(),)
    );
    assert_eq!(
        (&line["start_time_unix_nano"], &line["end_time_unix_nano"]),
        (&3_000_000_000_u64.into(), &3_000_000_001_u64.into())
    );
    assert_eq!(line["attributes"]["int"], -7);
    assert_eq!(line["events"][0]["name"], "Inbound message");
    assert_eq!(
        (&line["status"], &line["description"]),
        (&"ERROR".into(), &"INTERNAL, broken".into(),)
    );
    for (number, status) in [(1, "OK"), (2, "UNSET")] {
        let mut line = Vec::new();
        stdout::write(&mut line, &Numbered(number).view()).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((&line["status"], line["description"].is_null()), (&status.into(), true));
    }
}

#[test]
fn a_thread_exports_until_its_guard_is_dropped() {
    let collector = Collector::default();
    let export = Export::Otlp(Box::new(collector.clone()));
    let (queue, guard) = start(settings(), export).unwrap();
    queue.push(Numbered(1));
    drop(guard);
    assert_eq!((collector.seen(), queue.counts().exported), (vec![vec![1]], 1));
}
