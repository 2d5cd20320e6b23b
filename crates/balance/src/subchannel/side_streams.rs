//! Streams beside the calls: the server's word on its health (gRFC A17) and on its load (A51).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::connection::Connection;
use super::task::Context;
use super::{Subchannel, SubchannelState};
use crate::health::{self, Health};
use crate::{orca_oob, status};

/// The side streams of a subchannel, on one of its connections.
pub(super) struct SideStreams {
    on: u64,
    tasks: JoinSet<()>,
    /// What the server says of its health, if anybody wants to know: nothing yet, or its last word.
    health: Option<watch::Receiver<Option<Health>>>,
}

impl SideStreams {
    pub(super) fn new(context: &Context, connection: &Arc<Connection>) -> Self {
        let mut streams = Self { on: connection.number, tasks: JoinSet::new(), health: None };
        streams.start(context, connection);
        streams
    }

    /// The state of the subchannel as long as nothing was said.
    pub(super) fn initial_state(&self) -> SubchannelState {
        match self.health {
            Some(_) => SubchannelState::Connecting,
            None => SubchannelState::Ready,
        }
    }

    /// Goes on with another connection if the one it was on has ended.
    pub(super) fn follow(&mut self, context: &Context, open: &[&Arc<Connection>]) {
        let gone = !open.iter().any(|connection| connection.number == self.on);
        if let (true, Some(connection)) = (gone, open.first()) {
            self.start(context, connection);
        }
    }

    /// The state that the server's last word on its health makes of the subchannel, when there is a new one.
    pub(super) async fn next(&mut self) -> SubchannelState {
        let Some(health) = &mut self.health else { return std::future::pending().await };
        if health.changed().await.is_err() {
            // The stream never ends by itself.
            return std::future::pending().await;
        }
        let said = health.borrow_and_update().clone();
        match said {
            Some(Health::Unhealthy(why)) => SubchannelState::Unhealthy(why),
            _ => SubchannelState::Ready,
        }
    }

    fn start(&mut self, context: &Context, connection: &Arc<Connection>) {
        self.on = connection.number;
        self.tasks.abort_all();
        let stream = OneConnection::new(context, connection);
        self.health = context.health_service.clone().map(|service| {
            let (said, health) = watch::channel(None);
            // It counts among the streams that the server takes at a time.
            connection.acquire();
            let stream = stream.clone();
            self.tasks.spawn(async move {
                let report = |health| _ = said.send_replace(Some(health));
                let never = health::watch(&service, stream, report).await;
                match never {}
            });
            health
        });
        if let Some(interval) = load_interval(&context.subchannel) {
            connection.acquire();
            let subchannel = context.subchannel.clone();
            self.tasks.spawn(async move {
                let trackers = &subchannel.trackers;
                let report = |load: &_| trackers.iter().for_each(|one| one.load_reported(load));
                orca_oob::watch(interval, stream, report).await;
            });
        }
    }
}

/// The shortest interval in which anybody wants to hear of the load.
fn load_interval(subchannel: &Subchannel) -> Option<Duration> {
    subchannel.trackers.iter().filter_map(|tracker| tracker.load_interval()).min()
}

/// Sends calls on one connection, whatever the picker says. Holds no place in the pool: the connection ends when the pool lets go of it.
#[derive(Clone)]
struct OneConnection {
    connection: std::sync::Weak<Connection>,
    authority: Authority,
    scheme: Scheme,
}

impl OneConnection {
    fn new(context: &Context, connection: &Arc<Connection>) -> Self {
        let encrypted = context.transport.is_encrypted();
        Self {
            connection: Arc::downgrade(connection),
            authority: context.subchannel.authority.clone(),
            scheme: if encrypted { Scheme::HTTPS } else { Scheme::HTTP },
        }
    }
}

impl Service<Request<Body>> for OneConnection {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        // Scheme, authority and path are all there, which is all that can be wrong.
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
        let connection = self.connection.upgrade();
        Box::pin(async move {
            let Some(connection) = connection else {
                return Err(Status::unavailable("the connection has ended"));
            };
            let sent = connection.send(request).await;
            let response = sent.map_err(|error| status::of(error.error()))?;
            Ok(response.map(|body| Body::new(status::StatusBody(body))))
        })
    }
}
