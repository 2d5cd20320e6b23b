use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Notes {
    off: bool,
    told: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    fn add(&self, text: String) {
        self.told.lock().unwrap().push(text);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    type Call = Self;

    fn is_on(&self) -> bool {
        !self.off
    }

    fn start(&self, record: &CallRecord, _: &mut request::Parts) -> Option<Self> {
        self.add(format!("start {}", record.path()));
        Some(self.clone())
    }
}

impl ObservedCall for Notes {
    fn head(&mut self, _: &CallRecord, status: StatusCode, _: &HeaderMap) {
        self.add(format!("head {status}"));
    }

    fn sent(&mut self, _: &CallRecord, bytes: u32) {
        self.add(format!("sent {bytes}"));
    }

    fn ended(self, record: &CallRecord, end: &End<'_>) {
        let (received, sent) = (record.received(), end.sent);
        self.add(format!("received {received:?}, sent {sent:?}, {:?}", end.code()));
    }
}

fn message(text: &'static [u8]) -> Frame<Bytes> {
    let mut message = vec![0, 0, 0, 0, text.len() as u8];
    message.extend(text);
    Frame::data(message.into())
}

fn stream(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Body {
    let frames: Vec<_> = frames.into_iter().map(Ok::<_, Status>).collect();
    Body::new(StreamBody::new(tokio_stream::iter(frames)))
}

async fn call<O: Observer + Clone>(observer: O) -> bool {
    let recorded = Arc::new(Mutex::new(false));
    let inside = recorded.clone();
    let handler = service_fn(move |request: Request<ObservedRequestBody<Body>>| {
        *inside.lock().unwrap() = request.extensions().get::<CallRecord>().is_some();
        async move {
            request.into_body().collect().await.unwrap();
            let mut trailers = HeaderMap::new();
            Status::new(Code::NotFound, "").add_header(&mut trailers).unwrap();
            let body = stream([message(b"abc"), message(b""), Frame::trailers(trailers)]);
            let response = Response::builder().header("content-type", "application/grpc");
            Ok::<_, Infallible>(response.body(body).unwrap())
        }
    });
    let request = Request::builder().uri("/a.B/C").header("content-type", "application/grpc");
    let request = request.body(stream([message(b"hello"), message(b"x")])).unwrap();
    let service = ObserveLayer::new("server", observer).layer(handler);
    service.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    *recorded.lock().unwrap()
}

#[tokio::test]
async fn every_observer_is_told_of_the_whole_call_once() {
    let (first, second) = (Notes::default(), Notes::default());
    assert!(call((first.clone(), Some(second.clone()), None::<Notes>)).await);
    let expected = [
        "start /a.B/C",
        "head 200 OK",
        "sent 3",
        "sent 0",
        "received Traffic { bytes: 16, messages: 2 }, sent Traffic { bytes: 13, messages: 2 }, Some(NotFound)",
    ];
    assert_eq!((first.told(), second.told()), (expected.map(str::to_owned).to_vec(), first.told()));
}

#[tokio::test]
async fn an_observer_that_is_off_is_told_nothing_and_without_any_there_is_no_record() {
    let (off, on) = (Notes { off: true, ..Notes::default() }, Notes::default());
    assert!(call((off.clone(), on.clone())).await);
    assert_eq!((off.told().len(), on.told().len()), (0, 5));
    assert!(!call(off.clone()).await);
    assert_eq!(off.told(), [""; 0]);
}

#[tokio::test]
async fn the_body_of_plain_http_is_bytes_and_not_messages() {
    let notes = Notes::default();
    let handler = service_fn(|request: Request<ObservedRequestBody<Full<Bytes>>>| async {
        request.into_body().collect().await.unwrap();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("a long answer of text"))))
    });
    let request = Request::new(Full::new(Bytes::from("{\"some\": \"json\"}")));
    let service = ObserveLayer::new("server", notes.clone()).layer(handler);
    service.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    let last = notes.told().pop().unwrap();
    assert_eq!(
        last,
        "received Traffic { bytes: 16, messages: 0 }, sent Traffic { bytes: 21, messages: 0 }, None"
    );
}

/// A layer's body that does not tell whether it is at its end.
struct Untold(Body);

impl http_body::Body for Untold {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Status>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }
}

#[tokio::test]
async fn a_status_in_the_head_counts_whatever_the_body_says_of_its_end() {
    let notes = Notes::default();
    let inner = service_fn(|_: Request<_>| async {
        let answer = Status::not_found("no such movie").into_http::<Body>();
        Ok::<_, Infallible>(answer.map(Untold))
    });
    let service = ObserveLayer::new("test", notes.clone()).layer(inner);
    let request = Request::post("/a.B/C").header("content-type", "application/grpc");
    let response = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    let last = notes.told().pop().unwrap();
    assert!(last.ends_with("Some(NotFound)"), "{last}");
}
