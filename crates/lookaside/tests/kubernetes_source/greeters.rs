//! Servers that greet, and somebody who calls them all the time.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_stream::Empty;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use wayside_balance::Channel;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::greet_service_server::{GreetService, GreetServiceServer};
use wayside_proto::greet::v1::{
    GreetEveryoneRequest, GreetEveryoneResponse, GreetManyTimesRequest, GreetManyTimesResponse,
    GreetRequest, GreetResponse, LongGreetRequest, LongGreetResponse,
};

/// Nothing listens here: the port is privileged.
pub(crate) const PORT_OF_NOBODY: u16 = 1;

/// Servers, oldest first.
pub(crate) struct Greeters(Vec<Greeter>);

struct Greeter {
    port: u16,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Greeters {
    pub(crate) async fn start(number: usize) -> Self {
        let mut greeters = Self(Vec::new());
        for _ in 0..number {
            greeters.add().await;
        }
        greeters
    }

    /// One more; returns its port.
    pub(crate) async fn add(&mut self) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let router = Routes::new(GreetServiceServer::new(Port(port))).into_axum_router();
        let task = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap();
        });
        self.0.push(Greeter { port, stop, task });
        port
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.0.iter().map(|greeter| greeter.port).collect()
    }

    /// Ends one as a server should be ended.
    pub(crate) async fn stop(&mut self, port: u16) {
        let index = self.0.iter().position(|greeter| greeter.port == port).unwrap();
        let greeter = self.0.remove(index);
        greeter.stop.send(()).unwrap();
        timeout(Duration::from_secs(10), greeter.task).await.unwrap().unwrap();
    }
}

/// Says on which port it is.
struct Port(u16);

#[tonic::async_trait]
impl GreetService for Port {
    async fn greet(&self, _: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        sleep(Duration::from_millis(2)).await;
        let greeting = self.0.to_string();
        Ok(Response::new(GreetResponse { greeting, ..GreetResponse::default() }))
    }

    type GreetManyTimesStream = Empty<Result<GreetManyTimesResponse, Status>>;

    async fn greet_many_times(
        &self,
        _: Request<GreetManyTimesRequest>,
    ) -> Result<Response<Self::GreetManyTimesStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn long_greet(
        &self,
        _: Request<Streaming<LongGreetRequest>>,
    ) -> Result<Response<LongGreetResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type GreetEveryoneStream = Empty<Result<GreetEveryoneResponse, Status>>;

    async fn greet_everyone(
        &self,
        _: Request<Streaming<GreetEveryoneRequest>>,
    ) -> Result<Response<Self::GreetEveryoneStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Four callers that make one call after the other.
pub(crate) struct Calls {
    seen: Arc<Mutex<Seen>>,
    callers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    made: usize,
    failed: Vec<String>,
    /// The ports that have answered since it was emptied.
    ports: BTreeSet<u16>,
    is_over: bool,
}

impl Calls {
    pub(crate) fn start(channel: Channel) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let caller = |_| tokio::spawn(call(GreetServiceClient::new(channel.clone()), seen.clone()));
        Self { callers: (0..4).map(caller).collect(), seen }
    }

    /// Waits until each of these ports has answered a call that began after this.
    pub(crate) async fn reach(&self, ports: &[u16]) {
        self.seen.lock().unwrap().ports.clear();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let seen = self.seen.lock().unwrap().ports.clone();
            if ports.iter().all(|port| seen.contains(port)) {
                return;
            }
            assert!(Instant::now() < deadline, "of {ports:?} only {seen:?} answer");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a port gets no calls any more while every other one does.
    pub(crate) async fn left(&self, greeters: &Greeters, port: u16) {
        let others: Vec<_> = greeters.ports().into_iter().filter(|other| *other != port).collect();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            // Calls that were under way are over when the others have answered again.
            self.reach(&others).await;
            self.reach(&others).await;
            if !self.seen.lock().unwrap().ports.contains(&port) {
                return;
            }
            assert!(Instant::now() < deadline, "{port} still gets calls");
        }
    }

    /// Lets calls be made for a time.
    pub(crate) async fn go_on(&self, time: Duration) {
        sleep(time).await;
    }

    /// Ends the calls: how many there were, and what became of those that failed.
    pub(crate) async fn end(self) -> (usize, Vec<String>) {
        self.seen.lock().unwrap().is_over = true;
        for caller in self.callers {
            caller.await.unwrap();
        }
        let mut seen = self.seen.lock().unwrap();
        (seen.made, std::mem::take(&mut seen.failed))
    }
}

async fn call(mut client: GreetServiceClient<Channel>, seen: Arc<Mutex<Seen>>) {
    loop {
        let answer = client.greet(GreetRequest::default()).await;
        let mut seen = seen.lock().unwrap();
        seen.made += 1;
        match answer {
            Ok(answer) => {
                seen.ports.insert(answer.into_inner().greeting.parse().unwrap());
            }
            Err(status) => seen.failed.push(format!("{status:?}")),
        }
        if seen.is_over {
            return;
        }
    }
}
