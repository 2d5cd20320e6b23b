//! A server that does what a test tells it, and a client that calls it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::client::Grpc;
use wayside_balance::{Channel, ChannelBuilder};

/// How long a test waits for something that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A message with one text.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Text {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

/// What a server does with a call, by the text of the request:
/// `""`: answers with its name; `refuse:N`: does so after N calls, which it refuses; `sleep:MS`: after a while; `hang`: never; `reset:CODE`: resets the stream; `stream:N`: sends N messages and never ends;
/// `status:N`: that status; `details`: a status with details that are not base64.
///
/// A call of the method `Chat` is answered with the server's name at once, and then never ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    task: AbortHandle,
}

/// What a server has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) open: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    /// Calls that the client has reset with CANCEL.
    pub(crate) cancelled: AtomicUsize,
    /// Connections each of which has taken how many calls.
    pub(crate) by_connection: std::sync::Mutex<Vec<usize>>,
    /// What `grpc.health.v1.Health/Watch` says: 1 is SERVING.
    pub(crate) health: tokio::sync::watch::Sender<u8>,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        Self::with_max_streams(name, 1000).await
    }

    pub(crate) async fn with_max_streams(name: &str, max_streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, name, max_streams)
    }

    pub(crate) fn on(listener: TcpListener, name: &str, max_streams: u32) -> Self {
        let address = listener.local_addr().unwrap();
        let (seen, name) = (Arc::new(Seen::default()), name.to_owned());
        let counted = seen.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, name.clone(), counted.clone(), max_streams));
            }
        });
        Self { address, seen, task: task.abort_handle() }
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    /// As kill -9: connections are cut.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection.
pub(crate) async fn serve<I>(stream: I, name: String, seen: Arc<Seen>, max_streams: u32)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let index = seen.connections.fetch_add(1, Ordering::SeqCst);
    seen.by_connection.lock().unwrap().push(0);
    seen.open.fetch_add(1, Ordering::SeqCst);
    let _open = Count(&seen.open);
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(max_streams);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut calls = JoinSet::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        if request.uri().path().ends_with("/Watch") {
            calls.spawn(watch_health(respond, seen.health.subscribe()));
        } else if request.uri().path().ends_with("/Chat") {
            calls.spawn(chat(request, respond, name.clone(), seen.clone()));
        } else {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            seen.by_connection.lock().unwrap()[index] += 1;
            calls.spawn(answer(request, respond, name.clone(), seen.clone()));
        }
    }
}

struct Count<'a>(&'a AtomicUsize);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn watch_health(
    mut respond: SendResponse<Bytes>,
    mut health: tokio::sync::watch::Receiver<u8>,
) {
    let head = Response::builder().header("content-type", "application/grpc");
    let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
    loop {
        let status = *health.borrow_and_update();
        // 0, UNKNOWN, is what has not been said yet.
        let message = Bytes::from(vec![0, 0, 0, 0, 2, 8, status]);
        if (status > 0 && stream.send_data(message, false).is_err())
            || health.changed().await.is_err()
        {
            return;
        }
    }
}

/// Answers before the request has ended, and reads on.
async fn chat(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    name: String,
    seen: Arc<Seen>,
) {
    let mut body = request.into_body();
    let head = Response::builder().header("content-type", "application/grpc");
    let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
    stream.send_data(framed(&name), false).unwrap();
    let reset = std::future::poll_fn(|cx| {
        while let std::task::Poll::Ready(Some(Ok(data))) = body.poll_data(cx) {
            let _ = body.flow_control().release_capacity(data.len());
        }
        stream.poll_reset(cx)
    });
    if reset.await.ok() == Some(Reason::CANCEL) {
        seen.cancelled.fetch_add(1, Ordering::SeqCst);
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    name: String,
    seen: Arc<Seen>,
) {
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    while let Some(Ok(data)) = body.data().await {
        bytes.extend_from_slice(&data);
        let _ = body.flow_control().release_capacity(data.len());
    }
    let asked = <Text as prost::Message>::decode(&bytes[5..]).unwrap().text;
    let (verb, argument) = asked.split_once(':').unwrap_or((&asked, ""));
    let head = Response::builder().header("content-type", "application/grpc");
    match verb {
        "hang" => {
            if std::future::poll_fn(|cx| respond.poll_reset(cx)).await.ok() == Some(Reason::CANCEL)
            {
                seen.cancelled.fetch_add(1, Ordering::SeqCst);
            }
            return;
        }
        // The first calls of a server.
        "refuse" if seen.calls.load(Ordering::SeqCst) <= argument.parse().unwrap() => {
            return respond.send_reset(Reason::REFUSED_STREAM);
        }
        "reset" => return respond.send_reset(argument.parse::<u32>().unwrap().into()),
        "sleep" => tokio::time::sleep(Duration::from_millis(argument.parse().unwrap())).await,
        "status" => {
            let head = head.header("grpc-status", argument).body(()).unwrap();
            respond.send_response(head, true).unwrap();
            return;
        }
        "details" => {
            let head = head.header("grpc-status", "5").header("grpc-status-details-bin", "%%%");
            respond.send_response(head.body(()).unwrap(), true).unwrap();
            return;
        }
        _ => {}
    }
    let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else { return };
    if verb == "stream" {
        for _ in 0..argument.parse::<usize>().unwrap() {
            let _ = stream.send_data(framed(&name), false);
        }
        if std::future::poll_fn(|cx| stream.poll_reset(cx)).await.ok() == Some(Reason::CANCEL) {
            seen.cancelled.fetch_add(1, Ordering::SeqCst);
        }
        return;
    }
    let _ = stream.send_data(framed(&name), false);
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let _ = stream.send_trailers(trailers);
}

fn framed(text: &str) -> Bytes {
    let message = prost::Message::encode_to_vec(&Text { text: text.into() });
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.extend_from_slice(&message);
    bytes.freeze()
}

/// A channel to these servers.
pub(crate) fn builder<'a>(
    servers: impl IntoIterator<Item = &'a Server>,
    policy: &str,
) -> ChannelBuilder {
    let addresses: Vec<_> = servers.into_iter().map(|server| server.address.to_string()).collect();
    let target = format!("ipv4:{}", addresses.join(",")).parse().unwrap();
    let config = format!(r#"{{"loadBalancingConfig":[{{"{policy}":{{}}}}]}}"#);
    Channel::builder(&target).service_config_json(&config).unwrap()
}

/// Calls a server and gives what it says.
pub(crate) async fn ask(channel: &Channel, text: &str) -> Result<String, Status> {
    ask_with(channel, tonic::Request::new(Text { text: text.into() })).await
}

/// As [`ask`], at most for a while.
pub(crate) async fn ask_within(
    channel: &Channel,
    text: &str,
    timeout: Duration,
) -> Result<String, Status> {
    let mut request = tonic::Request::new(Text { text: text.into() });
    request.set_timeout(timeout);
    ask_with(channel, request).await
}

pub(crate) async fn ask_with(
    channel: &Channel,
    request: tonic::Request<Text>,
) -> Result<String, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let codec = tonic_prost::ProstCodec::<Text, Text>::default();
    let reply = grpc.unary(request, "/test.Test/Ask".parse().unwrap(), codec).await?;
    Ok(reply.into_inner().text)
}

/// Opens a stream of answers.
pub(crate) async fn listen(
    channel: &Channel,
    request: tonic::Request<Text>,
) -> Result<tonic::Streaming<Text>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let codec = tonic_prost::ProstCodec::<Text, Text>::default();
    Ok(grpc
        .server_streaming(request, "/test.Test/Listen".parse().unwrap(), codec)
        .await?
        .into_inner())
}

/// Opens a stream both ways, which the server has answered and which lasts as long as the two that are given.
pub(crate) async fn chat_with(
    channel: &Channel,
    timeout: Option<Duration>,
) -> Result<(mpsc::Sender<Text>, tonic::Streaming<Text>), Status> {
    let (sender, messages) = mpsc::channel(1);
    let mut request = tonic::Request::new(ReceiverStream::new(messages));
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    Ok((sender, chat_of(channel, request).await?))
}

/// Opens a stream both ways with these requests, which the server has answered.
pub(crate) async fn chat_of(
    channel: &Channel,
    requests: tonic::Request<impl Stream<Item = Text> + Send + 'static>,
) -> Result<tonic::Streaming<Text>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let codec = tonic_prost::ProstCodec::<Text, Text>::default();
    let answer = grpc.streaming(requests, "/test.Test/Chat".parse().unwrap(), codec).await?;
    let mut answers = answer.into_inner();
    assert!(answers.message().await?.is_some());
    Ok(answers)
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
