//! A service as the look-aside balancer sees it.

use std::convert::Infallible;

use tokio::time::{Duration, sleep};
use tonic::{Status, Streaming};
use wayside_balance::resolver::NextResolution;
use wayside_balance::{Channel, Endpoint, ResolveNow, Resolver, WaitForReady};
use wayside_proto::lookaside::v1::lookaside_service_client::LookasideServiceClient;
use wayside_proto::lookaside::v1::{
    Endpoint as Told, WatchEndpointsRequest, WatchEndpointsResponse,
};

use super::Lists;
use crate::Key;
use crate::source::parse_address;

/// The time from a failure to the next attempt, at first and at most, give or take a fifth: a balancer that is back is heard within a second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(600);
const JITTER: f64 = 0.2;
/// A large service has 10,000 endpoints, of about 100 bytes each.
const MAX_LIST_BYTES: usize = 16 << 20;

/// Watches a service, on whichever replica of the balancer answers.
#[derive(Debug)]
pub(super) struct LookasideResolver {
    balancer: Channel,
    key: Key,
    lists: Lists,
    stream: Option<Streaming<WatchEndpointsResponse>>,
    /// Whether the channel has a list, or knows why it has none. It asks again only after a pause that grows with every failure it is told of, so it is told of one.
    told: bool,
    pause: Duration,
}

impl LookasideResolver {
    pub(super) fn new(balancer: Channel, key: Key, lists: Lists) -> Self {
        Self { balancer, key, lists, stream: None, told: false, pause: FIRST_PAUSE }
    }

    /// The next list, and an empty one with its reason.
    async fn list(&mut self) -> Result<WatchEndpointsResponse, Status> {
        if self.stream.is_none() {
            self.stream = Some(self.open().await?);
        }
        let ended = || Status::unavailable("the balancer has ended the stream");
        match &mut self.stream {
            Some(stream) => stream.message().await?.ok_or_else(ended),
            None => Err(ended()),
        }
    }

    /// Opens a stream. Once the channel has been told something, this waits until a balancer can be reached.
    async fn open(&mut self) -> Result<Streaming<WatchEndpointsResponse>, Status> {
        let mut request = tonic::Request::new(WatchEndpointsRequest {
            namespace: self.key.namespace().to_owned(),
            service: self.key.service().to_owned(),
            port: self.key.port().to_owned(),
        });
        request.extensions_mut().insert(WaitForReady(self.told));
        let client = LookasideServiceClient::new(self.balancer.clone());
        let mut client = client.max_decoding_message_size(MAX_LIST_BYTES);
        tokio::select! {
            answer = client.watch_endpoints(request) => Ok(answer?.into_inner()),
            never = keep_connecting(&self.balancer) => match never {},
        }
    }

    /// Waits until the balancer may be asked again.
    async fn back_off(&mut self) {
        sleep(jittered(self.pause)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// Has the channel to the balancer try again soon: by itself it would wait for up to two minutes.
async fn keep_connecting(balancer: &Channel) -> Infallible {
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        balancer.reset_connect_backoff();
    }
}

/// So that the clients of a balancer that comes back do not all come at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(fastrand::f64().mul_add(2.0 * JITTER, 1.0 - JITTER))
}

impl Resolver for LookasideResolver {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async move {
            loop {
                match self.list().await {
                    Ok(message) => {
                        self.pause = FIRST_PAUSE;
                        let list = endpoints(&message, self.key.service());
                        if !list.is_empty() {
                            self.told = true;
                            self.lists.keep(&self.key, list.clone());
                            return Ok(list.into());
                        }
                        // Nothing is taken away: servers that are gone refuse connections themselves, and a balancer that has lost its sources must not
                        // stop a system that works.
                        if !std::mem::replace(&mut self.told, true) {
                            let reason =
                                format!("{} has no endpoint: {}", self.key, message.reason);
                            return Err(Status::unavailable(reason));
                        }
                    }
                    Err(status) => {
                        self.stream = None;
                        if !std::mem::replace(&mut self.told, true) {
                            let reason =
                                || format!("the look-aside balancer: {}", status.message());
                            let last = self.lists.last(&self.key).map(Into::into);
                            return last.ok_or_else(|| Status::unavailable(reason()));
                        }
                        self.back_off().await;
                    }
                }
            }
        })
    }
}

/// The list of a message, without what cannot be called from here.
fn endpoints(message: &WatchEndpointsResponse, service: &str) -> Vec<Endpoint> {
    message.endpoints.iter().filter_map(|told| endpoint(told, service)).collect()
}

fn endpoint(told: &Told, service: &str) -> Option<Endpoint> {
    let parsed = told.addresses.iter().filter_map(|address| parse_address(address));
    let addresses: Vec<_> = parsed.map(|(address, _)| address).collect();
    let first = addresses.first()?.clone();
    let name = if told.hostname.is_empty() { service } else { &told.hostname };
    Some(Endpoint {
        addresses,
        weight: told.weight.max(1),
        zone: (!told.zone.is_empty()).then(|| told.zone.clone()),
        ..Endpoint::new(first, name.parse().ok()?)
    })
}
