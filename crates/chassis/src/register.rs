//! Tells look-aside balancers that this server is here, for as long as it is.
//!
//! Each replica of the balancer is told on a stream of its own: none of them knows what the others are told. The server leaves when it is told to stop, before anything
//! else happens, so that its clients turn to other servers while it still answers.
//!
//! The messages are those of `lookaside.v1.LookasideService.Register`, as far as they are needed here; a test of the balancer has the two talk to each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Duration, sleep, timeout};
use tonic::Status;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;
use wayside_balance::{
    Channel, Endpoint, Registry, ResolveNow, Resolver, ResolverOptions, TargetError,
};
use wayside_interceptors::metrics::ServerCalls;

use crate::load::{LoadMeter, LoadReport};
use crate::register_args::{RegisterArgs, RegisteredService};
use crate::{Outgoing, Setup};

const REGISTER: PathAndQuery = PathAndQuery::from_static("/lookaside.v1.LookasideService/Register");
/// The time from a failure to the next attempt, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the balancer may take to see the server off.
const FAREWELL: Duration = Duration::from_secs(1);
/// What is believed of a balancer that says nothing of its lease.
const DEFAULT_LEASE: Duration = Duration::from_secs(10);
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// `lookaside.v1.RegisterRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct RegisterRequest {
    #[prost(string, tag = "1")]
    service: String,
    #[prost(string, tag = "2")]
    namespace: String,
    #[prost(string, tag = "3")]
    port: String,
    #[prost(message, optional, tag = "4")]
    endpoint: Option<Announced>,
    #[prost(message, optional, tag = "5")]
    load: Option<LoadReport>,
}

/// `lookaside.v1.Endpoint`.
#[derive(Clone, PartialEq, prost::Message)]
struct Announced {
    #[prost(string, repeated, tag = "1")]
    addresses: Vec<String>,
}

/// `lookaside.v1.RegisterResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct RegisterResponse {
    #[prost(message, optional, tag = "1")]
    lease: Option<Lease>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct Lease {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// A server that is to be registered.
#[derive(Debug)]
pub(crate) struct Registration {
    balancers: Box<dyn Resolver>,
    balancer_name: String,
    service: RegisteredService,
    address: Option<SocketAddr>,
    /// The calls by which the load is measured, if that is told.
    calls: Option<ServerCalls>,
}

impl Registration {
    /// `None` when nobody asks for it. The load is told of a server that counts its `calls`.
    ///
    /// # Errors
    /// When there is no resolver for the target.
    pub(crate) fn new(
        args: &RegisterArgs,
        calls: Option<ServerCalls>,
    ) -> Result<Option<Self>, TargetError> {
        let (Some(target), Some(service)) = (&args.register_with, &args.register_as) else {
            return Ok(None);
        };
        Ok(Some(Self {
            balancers: Registry::default().build(target, &ResolverOptions::default())?,
            balancer_name: target.to_string(),
            service: service.clone(),
            address: args.register_address,
            calls: calls.filter(|_| args.register_load),
        }))
    }

    /// Keeps a server that listens on `address` registered until it is told to stop, and then sees that every balancer knows.
    pub(crate) async fn run(mut self, address: SocketAddr, setup: Setup) {
        let RegisteredService { namespace, service, port } = self.service.clone();
        let addresses = vec![self.address.unwrap_or(address).to_string()];
        let announced = RegisterRequest {
            service,
            namespace,
            port,
            endpoint: Some(Announced { addresses }),
            load: None,
        };
        let (mut tasks, mut streams) = (JoinSet::new(), BTreeMap::<String, AbortHandle>::new());
        let resolve_now = Arc::new(ResolveNow::default());
        let stopping = setup.stopping();
        while let Some(found) =
            stopping.run_until_cancelled(self.balancers.next(&resolve_now)).await
        {
            let list = match found {
                Ok(resolution) => resolution.endpoints,
                Err(status) => {
                    let balancer = &self.balancer_name;
                    tracing::warn!(%balancer, reason = status.message(), "the look-aside balancer is not found");
                    stopping.run_until_cancelled(sleep(LONGEST_PAUSE)).await;
                    continue;
                }
            };
            let found: BTreeMap<_, _> =
                list.into_iter().map(|one| (format!("{:?}", one.addresses), one)).collect();
            streams.retain(|name, stream| {
                let stays = found.contains_key(name);
                if !stays {
                    stream.abort();
                }
                stays
            });
            for (name, balancer) in found {
                streams.entry(name).or_insert_with(|| {
                    let (announced, resolve_now) = (announced.clone(), resolve_now.clone());
                    tasks.spawn(keep(
                        balancer,
                        announced,
                        self.calls.clone(),
                        setup.clone(),
                        resolve_now,
                    ))
                });
            }
        }
        // Whoever is not done by then is told by the end of the connection.
        let _ = timeout(FAREWELL, async { while tasks.join_next().await.is_some() {} }).await;
    }
}

/// Keeps the server registered with one replica of the balancer.
async fn keep(
    balancer: Endpoint,
    announced: RegisterRequest,
    calls: Option<ServerCalls>,
    setup: Setup,
    resolve_now: Arc<ResolveNow>,
) {
    let (stopping, mut pause, mut failing) = (setup.stopping(), FIRST_PAUSE, false);
    let Ok((channel, outgoing)) = setup.to_endpoint(&balancer) else {
        tracing::error!(?balancer, "the look-aside balancer cannot be called");
        return;
    };
    while !stopping.is_cancelled() {
        let mut registered = false;
        let meter = calls.clone().map(LoadMeter::new);
        let ended =
            stay(&channel, &outgoing, &announced, meter, &setup, || registered = true).await;
        let Err(status) = ended else { return };
        if registered {
            (pause, failing) = (FIRST_PAUSE, false);
        }
        if !failing {
            let (balancer, reason) = (&balancer.addresses, status.message());
            tracing::warn!(?balancer, reason, "not registered; it is tried again until it is");
            failing = true;
        }
        resolve_now.want();
        stopping.run_until_cancelled(sleep(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        channel.reset_connect_backoff();
    }
}

/// One stream, from the first message to the last.
async fn stay(
    channel: &Channel,
    outgoing: &Outgoing,
    announced: &RegisterRequest,
    mut meter: Option<LoadMeter>,
    setup: &Setup,
    mut registered: impl FnMut(),
) -> Result<(), Status> {
    let stopping = setup.stopping();
    let (messages, stream) = mpsc::channel(1);
    // The channel has one place, and nothing is in it.
    let _ = messages.send(announced.clone()).now_or_never();
    let mut client = Grpc::new(outgoing.clone());
    let codec = ProstCodec::<RegisterRequest, RegisterResponse>::default();
    let calling = async {
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let request = tonic::Request::new(Messages(stream));
        client.streaming(request, REGISTER, codec).await
    };
    let Some(answer) = stopping.run_until_cancelled(calling).await else { return Ok(()) };
    let mut answers = answer?.into_inner();
    loop {
        let next = stopping.run_until_cancelled(answers.message()).await;
        let Some(answer) = next else {
            // The end of our side is what says good-bye.
            drop(messages);
            while answers.message().await?.is_some() {}
            return Ok(());
        };
        let ended = || Status::unavailable("the balancer has ended the stream");
        let lease = lease(&answer?.ok_or_else(ended)?);
        registered();
        tracing::debug!(target = %channel.target(), ?lease, "registered");
        stopping.run_until_cancelled(sleep(lease / 3)).await;
        let load = meter.as_mut().and_then(LoadMeter::report);
        let renewal = RegisterRequest { load, ..RegisterRequest::default() };
        if !stopping.is_cancelled() && messages.send(renewal).await.is_err() {
            return Err(ended());
        }
    }
}

fn lease(answer: &RegisterResponse) -> Duration {
    let told = answer.lease.as_ref().and_then(|lease| {
        Some(Duration::new(lease.seconds.try_into().ok()?, lease.nanos.try_into().ok()?))
    });
    told.unwrap_or(DEFAULT_LEASE).max(SHORTEST_LEASE)
}

/// What is said on a stream.
struct Messages(mpsc::Receiver<RegisterRequest>);

impl futures_util::Stream for Messages {
    type Item = RegisterRequest;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<RegisterRequest>> {
        self.0.poll_recv(cx)
    }
}
