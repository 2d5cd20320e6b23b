use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::observe::Traffic;

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Notes {
    off: bool,
    told: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    type Call = Self;

    fn is_on(&self) -> bool {
        !self.off
    }

    fn start(&self, call: &mut OutgoingCall, _: &mut request::Parts) -> Option<Self> {
        self.told.lock().unwrap().push(format!("start {}", call.path()));
        Some(self.clone())
    }
}

impl ObservedCall for Notes {
    const COUNTS: bool = true;

    fn received(&mut self, _: &OutgoingCall, bytes: u32) {
        self.told.lock().unwrap().push(format!("received {bytes}"));
    }

    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        let (sent, received) = (call.sent(), call.received());
        assert_eq!(received.message_bytes(), received.bytes - 5 * received.messages);
        let Traffic { bytes, messages } = sent;
        let code = ending.code();
        self.told.lock().unwrap().push(format!("{code:?}, sent {messages} in {bytes}"));
    }
}

fn message(text: &'static [u8]) -> Bytes {
    let mut message = vec![0, 0, 0, 0, text.len() as u8];
    message.extend(text);
    message.into()
}

fn stream(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Body {
    let frames: Vec<_> = frames.into_iter().map(Ok::<_, Status>).collect();
    Body::new(StreamBody::new(tokio_stream::iter(frames)))
}

async fn call(observer: impl Observer + Clone) {
    let channel = service_fn(|request: Request<Body>| async {
        request.into_body().collect().await.unwrap();
        let mut trailers = HeaderMap::new();
        Status::new(Code::NotFound, "").add_header(&mut trailers).unwrap();
        Ok::<_, Status>(Response::new(stream([
            Frame::data(message(b"abc")),
            Frame::data(message(b"")),
            Frame::trailers(trailers),
        ])))
    });
    let body = stream([Frame::data(message(b"hello")), Frame::data(message(b"x"))]);
    let request = Request::builder().uri("/a.B/C").body(body).unwrap();
    let response = ObserveLayer::new(observer).layer(channel).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn every_observer_is_told_of_the_whole_call_once() {
    let (first, second) = (Notes::default(), Notes::default());
    call((first.clone(), Some(second.clone()), None::<Notes>)).await;
    let expected = ["start /a.B/C", "received 3", "received 0", "NotFound, sent 2 in 16"];
    assert_eq!((first.told(), second.told()), (expected.map(str::to_owned).to_vec(), first.told()));
}

#[tokio::test]
async fn an_observer_that_is_off_is_told_nothing_and_another_one_is() {
    let (off, on) = (Notes { off: true, ..Notes::default() }, Notes::default());
    call((off.clone(), on.clone())).await;
    assert_eq!((off.told().len(), on.told().len()), (0, 4));
    call(off.clone()).await;
    assert_eq!(off.told(), [""; 0]);
}
