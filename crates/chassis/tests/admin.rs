//! The admin port of a process, over a socket.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use clap::{Args, Parser};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::service::Routes;
use tonic::{Code, Request};
use wayside_balance::{Channel, Target};
use wayside_chassis::{
    App, Labels, Metric, ProcessArgs, Setup, Source, StartError, Within, prepare, serve_admin,
};

/// Has no method of its own, and so those only that every server has.
struct Quiet;

#[derive(Args, Clone, Debug)]
#[group(skip)]
struct NoArgs {}

static ANSWER: Metric = Metric::gauge("test_answer", "The answer");

#[derive(Debug)]
struct Answer;

impl Source for Answer {
    fn collect(&self, samples: &mut Within<'_>) {
        samples.add(&ANSWER, Labels::default(), 42);
    }
}

impl App for Quiet {
    const NAME: &'static str = "quiet";
    const ABOUT: &'static str = "Serves nothing.";
    const PORT: u16 = 0;
    const SERVICES: &'static [&'static str] = &["test.v1.QuietService"];
    type Args = NoArgs;

    async fn routes(_: NoArgs, setup: &Setup) -> Result<Routes, StartError> {
        setup.tell(Answer);
        Ok(Routes::default())
    }
}

/// Speaks HTTP, and calls a server that is not there.
struct Web;

impl App for Web {
    const NAME: &'static str = "web";
    const ABOUT: &'static str = "Serves one page.";
    const PORT: u16 = 0;
    const SERVICES: &'static [&'static str] = &[];
    type Args = NoArgs;

    async fn routes(_: NoArgs, setup: &Setup) -> Result<Routes, StartError> {
        let target: Target = "ipv4:127.0.0.1:1".parse().unwrap();
        let channel = setup.channel(&target).unwrap();
        let page = move || {
            let mut grpc = Grpc::new(channel.clone());
            async move {
                grpc.ready().await.unwrap();
                let codec = tonic_prost::ProstCodec::<(), ()>::default();
                let path = PathAndQuery::from_static("/test.v1.Absent/Call");
                grpc.unary(Request::new(()), path, codec).await.unwrap_err().to_string()
            }
        };
        Ok(Routes::from(Router::new().route("/page", get(page))))
    }
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    process: ProcessArgs,
}

/// Both servers and their admin port.
struct Running {
    quiet: SocketAddr,
    web: SocketAddr,
    admin: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    async fn start(options: &[&str]) -> Self {
        let lame_duck = ["test", "--lame-duck", "0s"];
        let process = Cli::parse_from(lame_duck.iter().chain(options)).process;
        let stop = CancellationToken::new();
        let (mut tasks, mut views, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for server in [
            prepare::<Quiet>("quiet", NoArgs {}, &process).await.unwrap(),
            prepare::<Web>("web", NoArgs {}, &process).await.unwrap(),
        ] {
            views.push(server.view());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move {
                server.serve(listener, stop.cancelled_owned()).await.unwrap();
            }));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        let stopped = stop.clone().cancelled_owned();
        tasks.push(tokio::spawn(serve_admin(listener, views, stopped)));
        Self { quiet: addresses[0], web: addresses[1], admin, stop, tasks }
    }

    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    async fn metrics(&self) -> String {
        http_get(self.admin, "/metrics", "accept: application/openmetrics-text\r\n").await.1
    }
}

/// The status and the body.
async fn http_get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn call(address: SocketAddr, path: &'static str) -> Code {
    let channel = Channel::connect_lazy(&format!("ipv4:{address}").parse().unwrap()).unwrap();
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let answer = grpc.unary(Request::new(()), PathAndQuery::from_static(path), codec).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

fn assert_has(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected} is missing in\n{text}");
}

#[tokio::test]
async fn the_numbers_of_every_server_are_in_one_place() {
    let running = Running::start(&[]).await;
    assert_eq!(call(running.quiet, "/grpc.health.v1.Health/Check").await, Code::Ok);
    assert_eq!(call(running.quiet, "/made.up/Name").await, Code::Unimplemented);
    assert_eq!(http_get(running.web, "/page", "").await.0, 200);
    let text = running.metrics().await;
    for expected in [
        r#"grpc_server_call_started_total{server="quiet",grpc_method="grpc.health.v1.Health/Check"} 1"#,
        r#"grpc_server_call_duration_seconds_count{server="quiet",grpc_method="other",grpc_status="UNIMPLEMENTED"} 1"#,
        r#"http_server_request_duration_seconds_count{server="web",http_request_method="GET",http_response_status_code="200"} 1"#,
        r#"grpc_client_call_duration_seconds_count{server="web",grpc_target="ipv4:127.0.0.1:1",grpc_method="test.v1.Absent/Call",grpc_status="UNAVAILABLE"} 1"#,
        r#"grpc_client_attempt_started_total{server="web",grpc_target="ipv4:127.0.0.1:1",grpc_method="test.v1.Absent/Call"} 1"#,
        r#"wayside_subchannels{server="web",grpc_target="ipv4:127.0.0.1:1",state="TRANSIENT_FAILURE"} 1"#,
        r#"wayside_circuit_breaker{server="web",grpc_target="ipv4:127.0.0.1:1",state="closed"} 1"#,
        r#"wayside_limiter_limit{server="quiet",limiter="load_shed"} 4096"#,
        r#"test_answer{server="quiet"} 42"#,
        "process_threads ",
    ] {
        assert_has(&text, expected);
    }
    let kinds = text.lines().filter(|line| *line == "# TYPE wayside_limiter_limit gauge").count();
    assert_eq!(kinds, 1, "what two servers tell is one metric");
    assert!(text.ends_with("# EOF\n"));
    running.stop().await;
}

#[tokio::test]
async fn whoever_does_not_name_open_metrics_gets_the_plain_form() {
    let running = Running::start(&[]).await;
    let (status, text) = http_get(running.admin, "/metrics", "").await;
    assert_eq!(status, 200);
    assert_has(&text, "# TYPE grpc_server_call_started_total counter\n");
    assert!(!text.contains("# EOF"));
    running.stop().await;
}

#[tokio::test]
async fn a_limit_tells_what_it_has_refused() {
    let running = Running::start(&["--rate-limit", "1:1"]).await;
    for _ in 0..3 {
        call(running.quiet, "/made.up/Name").await;
    }
    let refused = r#"wayside_limiter_refused_total{server="quiet",limiter="rate"} 2"#;
    assert_has(&running.metrics().await, refused);
    running.stop().await;
}

#[tokio::test]
async fn channels_and_calls_are_shown_where_that_was_asked_for() {
    let running = Running::start(&[]).await;
    assert_eq!(http_get(running.admin, "/debug/channels", "").await.0, 404, "off by default");
    running.stop().await;

    let running = Running::start(&["--debug-pages", "true"]).await;
    assert_eq!(http_get(running.web, "/page", "").await.0, 200);
    let (status, json) = http_get(running.admin, "/debug/channels?format=json", "").await;
    assert_eq!(status, 200);
    let page: serde_json::Value = serde_json::from_str(&json).unwrap();
    let channel = &page["servers"][1]["channels"][0];
    assert_eq!(channel["target"], "ipv4:127.0.0.1:1");
    assert_eq!(channel["resolver"]["endpoints"], serde_json::json!([["127.0.0.1:1"]]));
    assert_eq!(channel["policy"], "round_robin");
    assert_eq!(
        channel["service_config"]["loadBalancingConfig"][0]["round_robin"],
        serde_json::json!({})
    );
    let subchannel = &channel["subchannels"][0];
    assert_eq!(subchannel["state"], "TRANSIENT_FAILURE");
    assert_has(subchannel["reason"].as_str().unwrap(), "refused");
    let call = &page["calls"][0];
    assert_eq!((&call["server"], &call["method"]), (&"web".into(), &"/test.v1.Absent/Call".into()));
    assert_eq!(call["attempts"][0]["code"], "UNAVAILABLE");
    running.stop().await;
}
