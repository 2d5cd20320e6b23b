//! A server in memory that answers one stream after the other as it is told, and a log that counts errors.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Duration, Instant, sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What a stream does next. One that has nothing left to do stays open.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Message(Vec<u8>),
    Wait(Duration),
    /// Trailers.
    End(Code),
    /// No answer at all: the connection is lost.
    Lose,
}

/// What was asked, and when.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) path: String,
    /// The message, without the five bytes before it.
    pub(crate) message: Bytes,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FakeServer {
    streams: Arc<Mutex<VecDeque<Vec<Step>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    open: Arc<()>,
}

impl FakeServer {
    /// Streams beyond these stay silent.
    pub(crate) fn new(streams: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let streams = streams.into_iter().collect();
        Self { streams: Arc::new(Mutex::new(streams)), ..Self::default() }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many seconds passed between one stream and the next.
    pub(crate) fn pauses(&self) -> Vec<f64> {
        let asked = self.asked();
        asked.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect()
    }

    /// Streams that the client has not closed.
    pub(crate) fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

impl Service<http::Request<Body>> for FakeServer {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (streams, asked) = (self.streams.clone(), self.asked.clone());
        let open = self.open.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let (at, path) = (Instant::now(), head.uri.path().to_owned());
            asked.lock().unwrap().push(Asked { at, path, message: body.slice(5..) });
            let steps = streams.lock().unwrap().pop_front().unwrap_or_default();
            if let Some(Step::Lose) = steps.first() {
                return Err(Status::unavailable("connection lost"));
            }
            let body = Body::new(StreamBody::new(frames(steps.into(), open)));
            let response = http::Response::builder().header("content-type", "application/grpc");
            Ok(response.body(body).expect("a header that is right"))
        })
    }
}

/// Holds `open` as long as the client holds the body.
fn frames(
    steps: VecDeque<Step>,
    open: Arc<()>,
) -> impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + 'static {
    stream::unfold((steps, open), async |(mut steps, open)| {
        loop {
            let frame = match steps.pop_front() {
                Some(Step::Wait(time)) => {
                    sleep(time).await;
                    continue;
                }
                Some(Step::Message(message)) => {
                    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
                    Ok(Frame::data([&[0][..], &length, &message].concat().into()))
                }
                Some(Step::End(code)) => {
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", (code as i32).into());
                    Ok(Frame::trailers(trailers))
                }
                Some(Step::Lose) => Err(Status::unavailable("connection lost")),
                None => std::future::pending().await,
            };
            return Some((frame, (steps, open)));
        }
    })
}

/// A future that never ends, for so long; one that a task can run.
pub(crate) async fn run_for(time: Duration, future: impl Future<Output = Infallible> + Send) {
    assert!(tokio::time::timeout(time, future).await.is_err());
}

/// Counts lines of the log that are errors, of this thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorLog(Arc<AtomicUsize>);

impl ErrorLog {
    pub(crate) fn lines(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Subscriber for ErrorLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert_eq!(*event.metadata().level(), Level::ERROR);
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
