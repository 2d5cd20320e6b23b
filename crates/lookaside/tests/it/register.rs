//! Servers that add themselves.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, timeout};
use tonic::{Code, Request, Streaming};
use wayside_balance::Channel;
use wayside_proto::lookaside::v1::lookaside_service_client::LookasideServiceClient;
use wayside_proto::lookaside::v1::{
    Endpoint, LoadReport, RegisterRequest, RegisterResponse, Router,
};

use crate::support::{File, PATIENCE, Running, greet, next, question};

/// A server that is registered.
struct Registered {
    messages: mpsc::Sender<RegisterRequest>,
    answers: Streaming<RegisterResponse>,
}

fn announcing(address: &str) -> RegisterRequest {
    RegisterRequest {
        service: "greet".into(),
        namespace: "default".into(),
        port: String::new(),
        endpoint: Some(Endpoint { addresses: vec![address.into()], ..Endpoint::default() }),
        load: None,
    }
}

async fn try_register(
    server: &Running,
    message: RegisterRequest,
    token: Option<&str>,
) -> Result<Registered, tonic::Status> {
    register_by(server.client(), message, token).await
}

async fn register_by(
    mut client: LookasideServiceClient<Channel>,
    message: RegisterRequest,
    token: Option<&str>,
) -> Result<Registered, tonic::Status> {
    let (messages, receiver) = mpsc::channel(4);
    messages.send(message).await.unwrap();
    let mut request = Request::new(tokio_stream::wrappers::ReceiverStream::new(receiver));
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let mut answers = client.register(request).await?.into_inner();
    answers.message().await?;
    Ok(Registered { messages, answers })
}

async fn register(server: &Running, address: &str) -> Registered {
    try_register(server, announcing(address), None).await.unwrap()
}

/// A connection that breaks when this is dropped.
struct Wire {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Wire {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut here, _) = listener.accept().await.unwrap();
            let mut there = TcpStream::connect(server).await.unwrap();
            // Its end is the test's business.
            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
        });
        Self { address, task }
    }

    fn client(&self) -> LookasideServiceClient<Channel> {
        let target = self.address.to_string().parse().unwrap();
        LookasideServiceClient::new(Channel::connect_lazy(&target).unwrap())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_server_is_there_until_it_leaves() {
    let server = Running::start(&[]).await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await, [""; 0], "nobody is there");
    let first = register(&server, "127.0.0.1:1").await;
    assert_eq!(next(&mut stream).await, ["127.0.0.1:1"]);
    let mut second = register(&server, "0.0.0.0:2").await;
    assert_eq!(next(&mut stream).await, ["127.0.0.1:1", "127.0.0.1:2"], "where it calls from");
    let left = Instant::now();
    drop(second.messages);
    assert!(second.answers.message().await.unwrap().is_none(), "the stream ends with it");
    assert_eq!(next(&mut stream).await, ["127.0.0.1:1"]);
    assert!(left.elapsed() < Duration::from_millis(500), "at once: {:?}", left.elapsed());
    drop(first);
}

#[tokio::test]
async fn a_broken_connection_is_noticed_after_the_grace_and_silence_after_the_lease() {
    let options = ["--lookaside-lease", "300ms", "--lookaside-lease-grace", "600ms"];
    let server = Running::start(&options).await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    next(&mut stream).await;
    let wire = Wire::to(server.address).await;
    let _broken = register_by(wire.client(), announcing("127.0.0.1:1"), None).await.unwrap();
    assert_eq!(next(&mut stream).await, ["127.0.0.1:1"]);
    let broke = Instant::now();
    drop(wire);
    assert_eq!(next(&mut stream).await, [""; 0]);
    assert!(broke.elapsed() > Duration::from_millis(500), "{:?}", broke.elapsed());

    let mut silent = register(&server, "127.0.0.1:2").await;
    assert_eq!(next(&mut stream).await, ["127.0.0.1:2"]);
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        silent.messages.send(RegisterRequest::default()).await.unwrap();
        silent.answers.message().await.unwrap();
    }
    let ended = timeout(PATIENCE, silent.answers.message()).await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::DeadlineExceeded);
    assert_eq!(next(&mut stream).await, [""; 0]);
}

#[tokio::test]
async fn a_load_becomes_a_weight() {
    let server = Running::start(&[]).await;
    let first = register(&server, "127.0.0.1:1").await;
    let second = register(&server, "127.0.0.1:2").await;
    let mut stream = server.client().watch_endpoints(greet()).await.unwrap().into_inner();
    next(&mut stream).await;
    for (registered, utilization) in [(&first, 0.9), (&second, 0.3)] {
        let load = Some(LoadReport { utilization, rps_fractional: 100.0, eps: 0.0 });
        let message = RegisterRequest { load, ..RegisterRequest::default() };
        registered.messages.send(message).await.unwrap();
    }
    let weights = async {
        loop {
            let list = stream.message().await.unwrap().unwrap().endpoints;
            let weights: Vec<_> = list.iter().map(|endpoint| endpoint.weight).collect();
            if weights == [50, 150] {
                return;
            }
        }
    };
    timeout(PATIENCE, weights).await.expect("a third of the use is three times the weight");
}

#[tokio::test]
async fn a_server_that_fails_its_calls_says_so_and_gets_a_lower_weight() {
    let balancer = Running::start(&["--lookaside-lease", "3s"]).await;
    let target = balancer.address.to_string();
    let (some, none) = (File::of(&["127.0.0.1:1"]), File::of(&[]));
    let start = async |file: &File| {
        let registration = ["--register-with", &target, "--register-as", "default/greet:50051"];
        let source = file.source();
        let options = [&registration[..], &["--register-load", "--lookaside-source", &source]];
        Running::start(&options.concat()).await
    };
    let (well, failing) = (start(&some).await, start(&none).await);
    let mut stream = balancer.client().watch_endpoints(greet()).await.unwrap().into_inner();
    let weighed = async {
        loop {
            let list = stream.message().await.unwrap().unwrap().endpoints;
            let weight = |server: &Running| {
                let its = |one: &&Endpoint| one.addresses == [server.address.to_string()];
                list.iter().find(its).map(|endpoint| f64::from(endpoint.weight))
            };
            // As many calls, on the same CPUs: each that fails counts as one full use more.
            let weights = weight(&well).zip(weight(&failing));
            if weights.is_some_and(|(well, failing)| well > 1.4 * failing) {
                return;
            }
        }
    };
    let calls = async {
        let mut clients = [well.client(), failing.client()];
        loop {
            for (client, expected) in clients.iter_mut().zip([Code::Ok, Code::Unavailable]) {
                let answer = client.resolve(question(Router::Random)).await;
                assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), expected);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        weighed = timeout(PATIENCE, weighed) => weighed.expect("a lower weight"),
        () = calls => {}
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_not_registered() {
    let server = Running::start(&[]).await;
    for address in ["", "greet:1", "127.0.0.1", "127.0.0.1:0", "224.0.0.1:1"] {
        let refused = try_register(&server, announcing(address), None).await;
        assert_eq!(refused.err().unwrap().code(), Code::InvalidArgument, "{address}");
    }
    let elsewhere = RegisterRequest { namespace: "a.b".into(), ..announcing("127.0.0.1:1") };
    let refused = try_register(&server, elsewhere, None).await;
    assert_eq!(refused.err().unwrap().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn with_a_token_nobody_registers_without_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "correct-horse-battery-staple\n").unwrap();
    let options = ["--lookaside-register-token-file", path.to_str().unwrap()];
    let server = Running::start(&options).await;
    for (token, expected) in [
        (None, Some(Code::Unauthenticated)),
        (Some("correct-horse"), Some(Code::Unauthenticated)),
        (Some("correct-horse-battery-staple"), None),
    ] {
        let result = try_register(&server, announcing("127.0.0.1:1"), token).await;
        assert_eq!(result.err().map(|status| status.code()), expected, "{token:?}");
    }
}

#[tokio::test]
async fn a_server_registers_itself_with_every_replica_and_leaves_before_it_stops() {
    let (first, second) = (Running::start(&[]).await, Running::start(&[]).await);
    let balancers = format!("static:{},{}", first.address, second.address);
    let options = [
        "--register-with",
        &balancers,
        "--register-as",
        "default/greet:50051",
        "--lame-duck",
        "3s",
    ];
    let registered = Running::start(&options).await;
    let expected = [registered.address.to_string()];
    let mut streams = Vec::new();
    for balancer in [&first, &second] {
        let mut stream = balancer.client().watch_endpoints(greet()).await.unwrap().into_inner();
        while next(&mut stream).await != expected {}
        streams.push(stream);
    }
    let stopped = Instant::now();
    registered.stop();
    for stream in &mut streams {
        assert_eq!(next(stream).await, [""; 0]);
    }
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
}

#[tokio::test]
async fn a_server_comes_back_when_its_balancer_does() {
    let balancer = Running::start(&[]).await;
    let address = balancer.address;
    let target = address.to_string();
    let options = ["--register-with", &target, "--register-as", "default/greet:50051"];
    let registered = Running::start(&options).await;
    let expected = [registered.address.to_string()];
    let mut stream = balancer.client().watch_endpoints(greet()).await.unwrap().into_inner();
    while next(&mut stream).await != expected {}
    balancer.ended().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let balancer = Running::start_at(address, &[]).await;
    let back = Instant::now();
    let mut stream = balancer.client().watch_endpoints(greet()).await.unwrap().into_inner();
    while next(&mut stream).await != expected {}
    assert!(back.elapsed() < Duration::from_millis(1500), "{:?}", back.elapsed());
}
