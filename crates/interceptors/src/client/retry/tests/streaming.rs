//! grpc-go, TestRetryStreaming: a server and a client that follow a script each.

use std::collections::VecDeque;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::Code;

use super::*;

/// What the server does; each attempt goes on where the one before it ended.
#[derive(Clone, Copy, Debug)]
enum Server {
    /// Is told so many previous attempts.
    Attempts(u32),
    /// Reads this message.
    Reads(u8),
    /// Reads a message of so many bytes.
    ReadsLarge(usize),
    /// Sends its head.
    Head,
    /// Sends this message.
    Sends(u8),
    /// Ends the call.
    Fails(Code),
    /// Finds that the client has no more to send.
    FindsEnd,
    /// Asks for this delay.
    Pushes(&'static str),
}

/// What the client does.
#[derive(Clone, Copy, Debug)]
enum Client {
    Sends(u8),
    SendsLarge(usize),
    EndsSending,
    /// Reads the head, or finds that there is none to be had.
    ReadsHead,
    Reads(u8),
    Ends(Code),
    /// At least so many milliseconds have passed since the start.
    Elapsed(u128),
}

type Frames = mpsc::Sender<Result<Frame<Bytes>, Status>>;

fn channel() -> (Frames, Body) {
    let (sender, mut receiver) = mpsc::channel(16);
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, Body::new(StreamBody::new(stream)))
}

fn message(byte: u8) -> Frame<Bytes> {
    Frame::data(Bytes::copy_from_slice(&[byte]))
}

/// One attempt as the server sees it.
struct Handler {
    request: Request<Body>,
    head: Option<oneshot::Sender<Response<Body>>>,
    frames: Option<Frames>,
    trailers: HeaderMap,
}

impl Handler {
    fn send_head(&mut self) {
        if let Some(sender) = self.head.take() {
            let (frames, body) = channel();
            self.frames = Some(frames);
            let _ = sender.send(head().map(|_| body));
        }
    }

    async fn run(mut self, script: Arc<tokio::sync::Mutex<VecDeque<Server>>>) {
        let mut script = script.lock().await;
        while let Some(step) = script.pop_front() {
            match step {
                Server::Attempts(expected) => {
                    let told = self.request.headers().get("grpc-previous-rpc-attempts");
                    assert_eq!(told.unwrap(), &expected.to_string());
                }
                Server::Reads(expected) => {
                    assert_eq!(self.read().await.as_deref(), Some(&[expected][..]))
                }
                Server::ReadsLarge(expected) => {
                    assert_eq!(self.read().await.unwrap().len(), expected)
                }
                Server::FindsEnd => assert_eq!(self.read().await, None),
                Server::Head => self.send_head(),
                Server::Sends(byte) => {
                    self.send_head();
                    self.frames.as_ref().unwrap().send(Ok(message(byte))).await.unwrap();
                }
                Server::Pushes(value) => {
                    self.trailers.append("grpc-retry-pushback-ms", value.parse().unwrap());
                }
                Server::Fails(code) => return self.end(code).await,
            }
        }
        self.end(Code::Ok).await;
    }

    async fn read(&mut self) -> Option<Bytes> {
        Some(self.request.body_mut().frame().await?.unwrap().into_data().unwrap())
    }

    async fn end(mut self, code: Code) {
        Status::new(code, "this is a test error").add_header(&mut self.trailers).unwrap();
        match (self.head, self.frames) {
            (Some(head), _) => {
                let mut response = Response::new(Body::empty());
                *response.headers_mut() = self.trailers;
                let _ = head.send(response);
            }
            (None, Some(frames)) => frames.send(Ok(Frame::trailers(self.trailers))).await.unwrap(),
            (None, None) => unreachable!("a head has frames"),
        }
    }
}

/// One call as the client sees it.
struct Caller {
    sender: Option<Frames>,
    call: Option<JoinHandle<Outcome>>,
    answer: Option<Outcome>,
    start: Instant,
}

impl Caller {
    async fn answer(&mut self) -> &mut Outcome {
        if let Some(call) = self.call.take() {
            self.answer = Some(call.await.unwrap());
        }
        self.answer.as_mut().unwrap()
    }

    async fn frame(&mut self) -> Frame<Bytes> {
        self.answer().await.as_mut().unwrap().body_mut().frame().await.unwrap().unwrap()
    }

    async fn step(&mut self, step: Client) {
        match step {
            Client::Sends(byte) => self.send(message(byte)).await,
            Client::SendsLarge(size) => self.send(Frame::data(vec![0; size].into())).await,
            Client::EndsSending => self.sender = None,
            Client::ReadsHead => drop(self.answer().await),
            Client::Reads(expected) => {
                assert_eq!(self.frame().await.into_data().unwrap()[..], [expected])
            }
            Client::Elapsed(least) => assert!(self.start.elapsed().as_millis() >= least),
            Client::Ends(expected) => {
                let answer = self.answer().await;
                let over =
                    answer.as_ref().map_or(true, |head| head.headers().contains_key("grpc-status"));
                let actual = if over {
                    code(answer)
                } else {
                    let trailers = self.frame().await.into_trailers().unwrap();
                    Code::from_bytes(trailers["grpc-status"].as_bytes())
                };
                assert_eq!(actual, expected);
            }
        }
    }

    async fn send(&mut self, frame: Frame<Bytes>) {
        self.sender.as_ref().unwrap().send(Ok(frame)).await.unwrap();
        // So that the server may read, and answer, before the next step.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

async fn play(server: &[Server], client: &[Client]) {
    let script = Arc::new(tokio::sync::Mutex::new(server.iter().copied().collect::<VecDeque<_>>()));
    let left = script.clone();
    let server = service_fn(move |request: Request<Body>| {
        let (sender, receiver) = oneshot::channel();
        let (head, trailers) = (Some(sender), HeaderMap::new());
        let handler = Handler { request, head, frames: None, trailers };
        tokio::spawn(handler.run(script.clone()));
        async move { receiver.await.map_err(|_| Status::internal("the handler panicked")) }
    });
    let (sender, body) = channel();
    let layer = layer(retry(4, Code::Unavailable)).call_buffer(200);
    let call = layer.layer(server).oneshot(request().map(|_| body));
    let call = Some(tokio::spawn(call));
    let mut caller = Caller { sender: Some(sender), call, answer: None, start: Instant::now() };
    for step in client {
        caller.step(*step).await;
    }
    assert_eq!(left.lock().await.len(), 0, "the server did everything");
}

use Client as C;
use Server as S;

const UNAVAILABLE: Code = Code::Unavailable;
const INTERNAL: Code = Code::Internal;

/// A name, what the server does, and what the client does.
type Row = (&'static str, &'static [Server], &'static [Client]);

const ROWS: &[Row] = &[
    (
        "Non-retryable error code",
        &[S::Reads(1), S::Fails(INTERNAL)],
        &[C::Sends(1), C::Ends(INTERNAL)],
    ),
    (
        "One retry necessary",
        &[S::Reads(1), S::Fails(UNAVAILABLE), S::Reads(1), S::Attempts(1), S::Sends(1)],
        &[C::Sends(1), C::Reads(1), C::Ends(Code::Ok)],
    ),
    (
        "Exceed max attempts (4); check attempts header on server",
        &[
            S::Reads(1),
            S::Fails(UNAVAILABLE),
            S::Reads(1),
            S::Attempts(1),
            S::Fails(UNAVAILABLE),
            S::Attempts(2),
            S::Reads(1),
            S::Fails(UNAVAILABLE),
            S::Attempts(3),
            S::Reads(1),
            S::Fails(UNAVAILABLE),
        ],
        &[C::Sends(1), C::Ends(UNAVAILABLE)],
    ),
    (
        "Multiple requests",
        &[S::Reads(1), S::Reads(2), S::Fails(UNAVAILABLE), S::Reads(1), S::Reads(2), S::Sends(5)],
        &[C::Sends(1), C::Sends(2), C::Reads(5), C::Ends(Code::Ok)],
    ),
    (
        "Multiple successive requests",
        &[
            S::Reads(1),
            S::Fails(UNAVAILABLE),
            S::Reads(1),
            S::Reads(2),
            S::Fails(UNAVAILABLE),
            S::Reads(1),
            S::Reads(2),
            S::Reads(3),
            S::Sends(5),
        ],
        &[C::Sends(1), C::Sends(2), C::Sends(3), C::Reads(5), C::Ends(Code::Ok)],
    ),
    (
        "No retry after receiving",
        &[S::Reads(1), S::Fails(UNAVAILABLE), S::Reads(1), S::Sends(3), S::Fails(UNAVAILABLE)],
        &[C::Sends(1), C::Reads(3), C::Ends(UNAVAILABLE)],
    ),
    (
        "Retry via ClientStream.Header()",
        &[S::Reads(1), S::Fails(UNAVAILABLE), S::Reads(1), S::Attempts(1)],
        &[C::Sends(1), C::ReadsHead, C::Ends(Code::Ok)],
    ),
    (
        "No retry after header",
        &[S::Reads(1), S::Head, S::Fails(UNAVAILABLE)],
        &[C::Sends(1), C::ReadsHead, C::Ends(UNAVAILABLE)],
    ),
    // "No retry after context" is about a handle to the connection that this API does not give away.
    (
        "Replaying close send",
        &[
            S::Reads(1),
            S::Reads(2),
            S::FindsEnd,
            S::Fails(UNAVAILABLE),
            S::Reads(1),
            S::Reads(2),
            S::FindsEnd,
            S::Sends(1),
            S::Sends(3),
            S::Sends(5),
        ],
        &[
            C::Sends(1),
            C::Sends(2),
            C::EndsSending,
            C::Reads(1),
            C::Reads(3),
            C::Reads(5),
            C::Ends(Code::Ok),
        ],
    ),
    (
        "Negative server pushback - no retry",
        &[S::Reads(1), S::Pushes("-1"), S::Fails(UNAVAILABLE)],
        &[C::Sends(1), C::Ends(UNAVAILABLE)],
    ),
    (
        "Non-numeric server pushback - no retry",
        &[S::Reads(1), S::Pushes("xxx"), S::Fails(UNAVAILABLE)],
        &[C::Sends(1), C::Ends(UNAVAILABLE)],
    ),
    (
        "Multiple server pushback values - no retry",
        &[S::Reads(1), S::Pushes("100"), S::Pushes("10"), S::Fails(UNAVAILABLE)],
        &[C::Sends(1), C::Ends(UNAVAILABLE)],
    ),
    (
        "1s server pushback - delayed retry",
        &[S::Reads(1), S::Pushes("1000"), S::Fails(UNAVAILABLE), S::Reads(1), S::Sends(2)],
        &[C::Sends(1), C::Reads(2), C::Elapsed(1000), C::Ends(Code::Ok)],
    ),
    (
        "Overflowing buffer - no retry",
        &[S::ReadsLarge(500), S::Fails(UNAVAILABLE)],
        &[C::SendsLarge(500), C::Ends(UNAVAILABLE)],
    ),
];

#[tokio::test(start_paused = true)]
async fn the_rows_of_grpc_go_for_streams() {
    for (name, server, client) in ROWS {
        let played = tokio::spawn(play_row(name, server.to_vec(), client.to_vec()));
        assert!(played.await.is_ok(), "{name}");
    }
}

async fn play_row(name: &'static str, server: Vec<Server>, client: Vec<Client>) {
    let limit = Duration::from_secs(60);
    let played = tokio::time::timeout(limit, play(&server, &client)).await;
    played.unwrap_or_else(|_| panic!("{name} hangs"));
}
