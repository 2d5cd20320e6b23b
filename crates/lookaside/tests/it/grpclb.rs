//! grpclb, with messages written down here once more, so that the server's are not read with its own eyes.

use std::net::Ipv6Addr;

use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::support::{File, PATIENCE, Running};

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(oneof = "Asked", tags = "1, 2")]
    asked: Option<Asked>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Asked {
    #[prost(message, tag = "1")]
    Initial(Initial),
    #[prost(message, tag = "2")]
    Stats(Stats),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Initial {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stats {
    #[prost(int64, tag = "2")]
    num_calls_started: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(oneof = "Told", tags = "1, 2, 3")]
    told: Option<Told>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Told {
    #[prost(message, tag = "1")]
    Initial(Nothing),
    #[prost(message, tag = "2")]
    List(ServerList),
    #[prost(message, tag = "3")]
    Fallback(Nothing),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Nothing {}

#[derive(Clone, PartialEq, prost::Message)]
struct ServerList {
    #[prost(message, repeated, tag = "1")]
    servers: Vec<Server>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Server {
    #[prost(bytes = "vec", tag = "1")]
    ip_address: Vec<u8>,
    #[prost(int32, tag = "2")]
    port: i32,
    #[prost(string, tag = "3")]
    load_balance_token: String,
    #[prost(bool, tag = "4")]
    drop: bool,
}

struct Client {
    requests: mpsc::Sender<Request>,
    answers: Streaming<Response>,
}

impl Client {
    async fn connect(server: &Running) -> Self {
        let mut grpc = tonic::client::Grpc::new(server.channel());
        grpc.ready().await.unwrap();
        let (requests, sent) = mpsc::channel(1);
        let path = PathAndQuery::from_static("/grpc.lb.v1.LoadBalancer/BalanceLoad");
        let codec = ProstCodec::<Request, Response>::default();
        let request = tonic::Request::new(ReceiverStream::new(sent));
        let answers = grpc.streaming(request, path, codec).await.unwrap().into_inner();
        Self { requests, answers }
    }

    async fn ask(server: &Running, name: &str) -> Self {
        let client = Self::connect(server).await;
        client.send(Asked::Initial(Initial { name: name.to_owned() })).await;
        client
    }

    async fn send(&self, asked: Asked) {
        self.requests.send(Request { asked: Some(asked) }).await.unwrap();
    }

    async fn next(&mut self) -> Result<Option<Told>, Status> {
        let answer = timeout(PATIENCE, self.answers.message()).await.expect("an answer")?;
        Ok(answer.map(|answer| answer.told.unwrap()))
    }

    /// The addresses of the next list.
    async fn list(&mut self) -> Vec<Server> {
        match self.next().await {
            Ok(Some(Told::List(list))) => list.servers,
            other => panic!("{other:?} is no list"),
        }
    }
}

#[tokio::test]
async fn a_client_is_told_the_whole_list_at_once_and_again_when_it_changes() {
    let file = File::of(&["10.0.0.1:258", "[fd00::1]:2"]);
    let server = Running::over(&file).await;
    let mut client = Client::ask(&server, "greet.default.svc.cluster.local:50051").await;
    assert_eq!(client.next().await.unwrap(), Some(Told::Initial(Nothing {})), "this comes first");
    let ipv6 = "fd00::1".parse::<Ipv6Addr>().unwrap().octets().to_vec();
    let server_of = |ip_address, port, load_balance_token: &str| Server {
        ip_address,
        port,
        load_balance_token: load_balance_token.to_owned(),
        drop: false,
    };
    let first = server_of(vec![10, 0, 0, 1], 258, "10.0.0.1:258");
    assert_eq!(client.list().await, [first.clone(), server_of(ipv6, 2, "[fd00::1]:2")]);
    client.send(Asked::Stats(Stats { num_calls_started: 1 })).await;
    file.write(&["10.0.0.1:258"]);
    assert_eq!(client.list().await, [first]);
    file.write(&[]);
    assert_eq!(client.list().await, [], "nobody is there: not a reason to ask somebody else");
    drop(client.requests);
    let end = timeout(PATIENCE, client.answers.message()).await.unwrap().unwrap();
    assert_eq!(end, None, "it ends with the client's stream");
}

#[tokio::test]
async fn a_service_that_nobody_knows_sends_its_clients_to_what_they_know_themselves() {
    let server = Running::over(&File::of(&["10.0.0.1:1"])).await;
    let mut client = Client::ask(&server, "default/nobody:1").await;
    client.next().await.unwrap();
    assert_eq!(client.next().await.unwrap(), Some(Told::Fallback(Nothing {})));
}

#[tokio::test]
async fn what_is_no_name_is_refused_with_the_field() {
    let server = Running::over(&File::of(&["10.0.0.1:1"])).await;
    for name in ["", "greet.example.com:1"] {
        let refused = Client::ask(&server, name).await.next().await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}: {refused:?}");
        assert!(refused.message().contains("initial_request"), "{refused:?}");
    }
    let mut client = Client::connect(&server).await;
    client.send(Asked::Stats(Stats::default())).await;
    assert_eq!(client.next().await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn streams_end_with_the_drain_so_that_their_clients_ask_another_replica() {
    let server = Running::over(&File::of(&["10.0.0.1:1"])).await;
    let (mut asked, mut silent) =
        (Client::ask(&server, "greet").await, Client::connect(&server).await);
    asked.next().await.unwrap();
    asked.list().await;
    server.stop();
    for client in [&mut asked, &mut silent] {
        assert_eq!(client.next().await.unwrap_err().code(), Code::Unavailable);
    }
    server.ended().await;
}
