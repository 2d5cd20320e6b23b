//! What a call costs: CPU time for each, client and server in one process, in turn with other clients of the same servers.
//!
//! `cargo bench -p wayside-balance --bench calls` prints microseconds a call and ratios; the difference to `hyper`, which sends on one connection and does nothing
//! else, is what a channel adds. `… -- CLIENT CALLS` makes so many calls with one client, for `valgrind --tool=callgrind`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::transport::Endpoint;
use tower_service::Service;
use wayside_balance::Channel;

const ROUNDS: usize = 7;
const CALLS: usize = 20_000;
const WORKERS: usize = 32;

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

/// Answers every call at once.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(answer(request.into_body(), respond));
                }
            });
        }
    });
    address
}

async fn answer(mut request: h2::RecvStream, mut respond: h2::server::SendResponse<Bytes>) {
    while let Some(Ok(data)) = request.data().await {
        request.flow_control().release_capacity(data.len()).unwrap();
    }
    let head = Response::builder().header("content-type", "application/grpc");
    let mut body = respond.send_response(head.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from_static(b"\0\0\0\0\x04\x0a\x02hi"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    body.send_trailers(trailers).unwrap();
}

/// The least that a client can do: one connection, no state.
#[derive(Clone)]
struct Bare {
    sender: hyper::client::conn::http2::SendRequest<Body>,
    authority: http::uri::Authority,
}

impl Service<Request<Body>> for Bare {
    type Response = Response<Body>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(http::uri::Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        *request.uri_mut() = http::Uri::from_parts(uri).unwrap();
        let sent = self.sender.send_request(request);
        Box::pin(async move { Ok(sent.await?.map(Body::new)) })
    }
}

/// An atomic counter over plain channels: the simplest thing that spreads calls.
#[derive(Clone)]
struct Counter(Arc<[tonic::transport::Channel]>, Arc<AtomicUsize>);

impl Service<Request<Body>> for Counter {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<Response<Body>, tonic::transport::Error>> + Send>,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let turn = self.1.fetch_add(1, Ordering::Relaxed) % self.0.len();
        let mut channel = self.0[turn].clone();
        Box::pin(async move {
            // A channel has to be asked whether it is ready before it is called.
            let ready =
                |cx: &mut Context<'_>| Service::<Request<Body>>::poll_ready(&mut channel, cx);
            std::future::poll_fn(ready).await?;
            Service::call(&mut channel, request).await
        })
    }
}

async fn calls<S>(client: S, total: usize)
where
    S: GrpcService<Body, ResponseBody = Body> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug,
{
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let mut grpc = Grpc::new(client.clone());
        workers.spawn(async move {
            for _ in 0..total / WORKERS {
                grpc.ready().await.unwrap();
                let request = tonic::Request::new(Text { text: "hello".into() });
                let codec = tonic_prost::ProstCodec::<Text, Text>::default();
                let path = http::uri::PathAndQuery::from_static("/test.Test/Ask");
                assert_eq!(grpc.unary(request, path, codec).await.unwrap().get_ref().text, "hi");
            }
        });
    }
    workers.join_all().await;
}

/// The clients that are compared.
struct Clients {
    hyper: Bare,
    tonic_one: tonic::transport::Channel,
    tonic_three: Counter,
    ours_one: Channel,
    ours_three: Channel,
}

const NAMES: [&str; 5] = ["hyper", "tonic-1", "wayside-1", "tonic-counter-3", "wayside-rr-3"];

impl Clients {
    async fn new() -> Self {
        let servers = [server().await, server().await, server().await];
        let stream = TcpStream::connect(servers[0]).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let handshake =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let tonic = |address: &SocketAddr| {
            Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
        };
        let ours = |addresses: &[SocketAddr], policy| {
            let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let target = format!("ipv4:{}", list.join(",")).parse().unwrap();
            let config = format!(r#"{{"loadBalancingConfig":[{{"{policy}":{{}}}}]}}"#);
            Channel::builder(&target).service_config_json(&config).unwrap().build().unwrap()
        };
        Self {
            hyper: Bare { sender, authority: servers[0].to_string().parse().unwrap() },
            tonic_one: tonic(&servers[0]),
            tonic_three: Counter(servers.iter().map(tonic).collect(), Arc::default()),
            ours_one: ours(&servers[..1], "pick_first"),
            ours_three: ours(&servers, "round_robin"),
        }
    }

    async fn run(&self, name: &str, total: usize) {
        match name {
            "hyper" => calls(self.hyper.clone(), total).await,
            "tonic-1" => calls(self.tonic_one.clone(), total).await,
            "wayside-1" => calls(self.ours_one.clone(), total).await,
            "tonic-counter-3" => calls(self.tonic_three.clone(), total).await,
            "wayside-rr-3" => calls(self.ours_three.clone(), total).await,
            _ => panic!("clients: {NAMES:?}"),
        }
    }
}

/// CPU time of this process so far, in microseconds. Everything runs in its first thread.
fn cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1000.0
}

async fn compare(clients: &Clients) {
    let mut micros = vec![Vec::new(); NAMES.len()];
    for round in 0..=ROUNDS {
        for turn in 0..NAMES.len() {
            // Each round begins with another, so that none always follows the same.
            let which = (turn + round) % NAMES.len();
            let before = cpu_micros();
            clients.run(NAMES[which], CALLS).await;
            // The first round connects and warms up.
            if round > 0 {
                micros[which].push((cpu_micros() - before) / CALLS as f64);
            }
        }
    }
    println!(
        "CPU a call, client and server together, median of {ROUNDS} rounds of {CALLS} calls by {WORKERS} workers:"
    );
    let median = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let medians: Vec<_> = micros.iter_mut().map(median).collect();
    for (name, median) in NAMES.iter().zip(&medians) {
        println!("{name:>16} {median:6.2} us   {:+6.2} us to hyper", median - medians[0]);
    }
    println!(
        "wayside-1 / tonic-1: {:.2}   wayside-rr-3 / tonic-counter-3: {:.2}",
        medians[2] / medians[1],
        medians[4] / medians[3]
    );
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clients = Clients::new().await;
        match &arguments[..] {
            [name, total] => clients.run(name, total.parse().unwrap()).await,
            _ => compare(&clients).await,
        }
    });
}
