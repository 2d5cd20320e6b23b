//! What the `dns` resolver makes of the answers of a name server, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{CNAME, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout};
use tonic::{Code, Status};
use wayside_balance::resolver::{ChooseServiceConfig, Registry, ResolverOptions};
use wayside_balance::{Endpoint, ResolveNow, Resolver, ServiceConfig, ServiceConfigError};

/// What a name server says to a question.
#[derive(Clone, Debug)]
enum Say {
    Records(Vec<RData>),
    Code(ResponseCode),
    /// Over UDP that the answer does not fit, and over TCP the records.
    TooLong(Vec<RData>),
    Nothing,
}

type Zone = dyn Fn(&str, RecordType) -> Say + Send;

/// A name server for one test.
struct NameServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    _tasks: JoinSet<()>,
}

struct Shared {
    zone: Box<Zone>,
    ttl: u32,
    asked: Vec<(String, RecordType)>,
}

impl NameServer {
    async fn start(ttl: u32, zone: impl Fn(&str, RecordType) -> Say + Send + 'static) -> Self {
        let shared = Arc::new(Mutex::new(Shared { zone: Box::new(zone), ttl, asked: Vec::new() }));
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, shared.clone()));
        tasks.spawn(serve_tcp(tcp, shared.clone()));
        Self { address, shared, _tasks: tasks }
    }

    fn change(&self, zone: impl Fn(&str, RecordType) -> Say + Send + 'static) {
        self.shared.lock().unwrap().zone = Box::new(zone);
    }

    fn asked(&self) -> Vec<(String, RecordType)> {
        self.shared.lock().unwrap().asked.clone()
    }

    fn resolver(&self, host: &str, options: &ResolverOptions) -> Box<dyn Resolver> {
        let target = format!("dns://{}/{host}", self.address).parse().unwrap();
        Registry::default().build(&target, options).unwrap()
    }
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Mutex<Shared>>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        if let Some(reply) = reply(&shared, &buffer[..length], false) {
            socket.send_to(&reply, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        // A client that goes away is no failure of the server.
        let _ = serve_connection(&mut stream, &shared).await;
    }
}

async fn serve_connection(stream: &mut TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let length = stream.read_u16().await?;
    let mut question = vec![0; length.into()];
    stream.read_exact(&mut question).await?;
    if let Some(reply) = reply(shared, &question, true) {
        stream.write_u16(u16::try_from(reply.len()).unwrap()).await?;
        stream.write_all(&reply).await?;
    }
    Ok(())
}

fn reply(shared: &Mutex<Shared>, question: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).unwrap();
    let query: Query = question.queries[0].clone();
    let mut shared = shared.lock().unwrap();
    let name = query.name().to_ascii();
    shared.asked.push((name.clone(), query.query_type()));
    let mut message = Message::response(question.id, OpCode::Query);
    message.add_query(query.clone());
    match (shared.zone)(&name, query.query_type()) {
        Say::Nothing => return None,
        Say::Code(code) => message.metadata.response_code = code,
        Say::TooLong(_) if !over_tcp => message.metadata.truncation = true,
        Say::Records(all) | Say::TooLong(all) => {
            let mut owner = query.name().clone();
            for data in all {
                let next = match &data {
                    RData::CNAME(CNAME(next)) => next.clone(),
                    _ => owner.clone(),
                };
                message.add_answer(Record::from_rdata(owner, shared.ttl, data));
                owner = next;
            }
        }
    }
    Some(message.to_vec().unwrap())
}

/// The records of one family among these addresses.
fn addresses(all: &[&str], family: RecordType) -> Say {
    let all = all.iter().map(|address| address.parse::<IpAddr>().unwrap());
    let of_family = all.filter(|ip| match family {
        RecordType::A => ip.is_ipv4(),
        RecordType::AAAA => ip.is_ipv6(),
        _ => false,
    });
    Say::Records(of_family.map(RData::from).collect())
}

fn fast() -> ResolverOptions {
    let mut options = ResolverOptions::default();
    options.dns_min_interval = Duration::from_millis(10);
    options
}

async fn next(resolver: &mut Box<dyn Resolver>) -> Result<Vec<Endpoint>, Status> {
    let answer = timeout(Duration::from_secs(60), resolver.next(&ResolveNow::default())).await;
    Ok(answer.expect("an answer")?.endpoints)
}

async fn found(resolver: &mut Box<dyn Resolver>) -> Vec<String> {
    let endpoints = next(resolver).await.unwrap();
    endpoints.iter().map(|endpoint| endpoint.addresses[0].to_string()).collect()
}

#[tokio::test]
async fn every_a_and_aaaa_record_is_an_endpoint() {
    let server = NameServer::start(60, |name, family| {
        assert_eq!(name, "my_greet.example.");
        addresses(&["2001:db8::1", "10.0.0.2", "10.0.0.1"], family)
    })
    .await;
    let mut resolver = server.resolver("my_greet.example:50051", &fast());
    let endpoints = next(&mut resolver).await.unwrap();
    assert!(endpoints.iter().all(|endpoint| endpoint.authority == "my_greet.example:50051"));
    let all: Vec<_> = endpoints.iter().map(|endpoint| endpoint.addresses[0].to_string()).collect();
    assert_eq!(all, ["10.0.0.2:50051", "10.0.0.1:50051", "[2001:db8::1]:50051"]);
    let mut asked: Vec<_> = server.asked().into_iter().map(|(_, family)| family).collect();
    asked.sort();
    assert_eq!(asked, [RecordType::A, RecordType::AAAA], "nothing else is asked for by default");
}

#[tokio::test]
async fn a_change_is_seen_when_the_ttl_has_passed() {
    let server = NameServer::start(1, |_, family| addresses(&["10.0.0.1"], family)).await;
    let mut resolver = server.resolver("greet:1", &fast());
    assert_eq!(found(&mut resolver).await, ["10.0.0.1:1"]);
    server.change(|_, family| addresses(&["10.0.0.2"], family));
    let start = Instant::now();
    assert_eq!(found(&mut resolver).await, ["10.0.0.2:1"]);
    let took = start.elapsed().as_secs_f64();
    assert!((0.9..5.0).contains(&took), "{took} s with a TTL of 1 s");
}

#[tokio::test]
async fn a_change_is_seen_at_once_when_the_channel_asks() {
    let server = NameServer::start(3600, |_, family| addresses(&["10.0.0.1"], family)).await;
    let mut resolver = server.resolver("greet:1", &fast());
    assert_eq!(found(&mut resolver).await, ["10.0.0.1:1"]);
    server.change(|_, family| addresses(&["10.0.0.2"], family));
    let resolve_now = ResolveNow::default();
    resolve_now.want();
    let answer = resolver.next(&resolve_now).await.unwrap();
    assert_eq!(answer.endpoints[0].addresses[0].to_string(), "10.0.0.2:1");
}

#[tokio::test]
async fn an_alias_is_followed() {
    let server = NameServer::start(60, |name, family| match (name, family) {
        ("greet.", RecordType::A) => Say::Records(vec![
            RData::CNAME(CNAME("real.example.".parse().unwrap())),
            RData::from(IpAddr::from([10, 0, 0, 1])),
        ]),
        _ => Say::Records(Vec::new()),
    })
    .await;
    assert_eq!(found(&mut server.resolver("greet:1", &fast())).await, ["10.0.0.1:1"]);
}

#[tokio::test]
async fn what_a_name_server_refuses_is_unavailable_with_the_reason_and_passes() {
    for (say, reason) in [
        (Say::Code(ResponseCode::NXDomain), "there is no such name"),
        (Say::Records(Vec::new()), "the name has no address"),
        (Say::Code(ResponseCode::ServFail), "the name server says: Server Failure"),
        (Say::Code(ResponseCode::Refused), "the name server says: Query Refused"),
    ] {
        let server = NameServer::start(60, |_, family| addresses(&["10.0.0.1"], family)).await;
        let mut resolver = server.resolver("greet.example:1", &fast());
        assert_eq!(found(&mut resolver).await, ["10.0.0.1:1"]);

        server.change(move |_, _| say.clone());
        let resolve_now = ResolveNow::default();
        resolve_now.want();
        let status = resolver.next(&resolve_now).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), format!("'greet.example' cannot be looked up: {reason}"));

        server.change(|_, family| addresses(&["10.0.0.1"], family));
        assert_eq!(found(&mut resolver).await, ["10.0.0.1:1"], "after: {reason}");
    }
}

#[tokio::test]
async fn one_family_that_fails_leaves_the_other() {
    for failing in [RecordType::A, RecordType::AAAA] {
        let server = NameServer::start(60, move |_, family| match family {
            family if family == failing => Say::Code(ResponseCode::ServFail),
            family => addresses(&["10.0.0.1", "2001:db8::1"], family),
        })
        .await;
        let expected = if failing == RecordType::A { "[2001:db8::1]:1" } else { "10.0.0.1:1" };
        assert_eq!(found(&mut server.resolver("greet:1", &fast())).await, [expected]);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_udp_comes_over_tcp() {
    let all: Vec<IpAddr> = (1..=200).map(|n| IpAddr::from([10, 0, 0, n])).collect();
    let records: Vec<_> = all.iter().copied().map(RData::from).collect();
    let server = NameServer::start(60, move |_, family| match family {
        RecordType::A => Say::TooLong(records.clone()),
        _ => Say::Records(Vec::new()),
    })
    .await;
    let expected: Vec<_> = all.iter().map(|ip| format!("{ip}:1")).collect();
    assert_eq!(found(&mut server.resolver("greet:1", &fast())).await, expected);
}

// The clock is paused: where nobody answers, it jumps to the next time-out.
#[tokio::test(start_paused = true)]
async fn a_name_server_that_does_not_answer_fails_the_look_up_within_thirty_seconds() {
    let server = NameServer::start(60, |_, _| Say::Nothing).await;
    let start = Instant::now();
    let status = next(&mut server.resolver("greet:1", &fast())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "'greet' cannot be looked up: no name server answers");
    assert!(start.elapsed() <= Duration::from_secs(30), "{:?}", start.elapsed());
}

const CONFIG: &str = r#"grpc_config=[{"serviceConfig":{"waitForReady":true}}]"#;

/// Takes exactly the records of the test below.
#[derive(Debug)]
struct Choose;

impl ChooseServiceConfig for Choose {
    fn choose(&self, records: &[String]) -> Option<Result<ServiceConfig, ServiceConfigError>> {
        (records == [CONFIG, "v=spf1 -all"]).then(|| Ok(ServiceConfig::default()))
    }
}

fn with_config() -> ResolverOptions {
    let mut options = fast();
    options.txt_service_config = Some(Arc::new(Choose));
    options
}

#[tokio::test]
async fn a_service_config_comes_from_txt_records_when_asked_for() {
    let server = NameServer::start(60, |name, kind| match kind {
        RecordType::TXT => {
            assert_eq!(name, "_grpc_config.greet.");
            let (start, end) = CONFIG.split_at(20);
            Say::Records(vec![
                RData::TXT(TXT::new(vec!["v=spf1 -all".into()])),
                RData::TXT(TXT::new(vec![start.into(), end.into()])),
            ])
        }
        family => addresses(&["10.0.0.1"], family),
    })
    .await;
    let mut resolver = server.resolver("greet:1", &with_config());
    let answer = resolver.next(&ResolveNow::default()).await.unwrap();
    assert_eq!(answer.service_config, Some(Ok(ServiceConfig::default())));
    assert_eq!(answer.endpoints.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn addresses_do_not_fail_with_the_service_config() {
    for say in [
        Say::Code(ResponseCode::NXDomain),
        Say::Code(ResponseCode::ServFail),
        Say::Records(vec![RData::TXT(TXT::new(vec!["v=spf1 -all".into()]))]),
        Say::Nothing,
    ] {
        let told = say.clone();
        let server = NameServer::start(60, move |_, kind| match kind {
            RecordType::TXT => told.clone(),
            family => addresses(&["10.0.0.1"], family),
        })
        .await;
        let mut resolver = server.resolver("greet:1", &with_config());
        let answer = resolver.next(&ResolveNow::default()).await.unwrap();
        assert_eq!(answer.service_config, None, "{say:?}");
        assert_eq!(answer.endpoints.len(), 1, "{say:?}");
    }
}
