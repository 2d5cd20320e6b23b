//! The channel: a target's name goes in, and calls go where its policy says.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Request, Response, header};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::totals::Totals;
use crate::transport::Transport;
use crate::{ConnectivityState, ResolveNow, ServiceConfig, Target};

mod body;
mod builder;
mod call;
mod call_watch;
mod core;
mod current;
mod request_body;
mod snapshot;
mod subchannels;
mod timeout;

pub use builder::{ChannelBuilder, ChannelError};
pub use call_watch::{CallWatch, SentAgain, TransparentRetries, WatchCall};
use current::Pictures;
use snapshot::Board;
pub use snapshot::{ResolverSnapshot, Snapshot, SubchannelSnapshot};

/// In the extensions of a request: whether the call waits until the channel is READY instead of failing at once while it is in TRANSIENT_FAILURE. Its deadline still counts.
/// Default: what the service config says, else `false`. Source: grpc/grpc `doc/wait-for-ready.md`.
///
/// ```
/// let mut request = tonic::Request::new(());
/// request.extensions_mut().insert(wayside_balance::WaitForReady(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForReady(pub bool);

/// A channel to the endpoints of a [`Target`]; cheap to clone, and taken by any generated tonic client.
///
/// It connects when the first call comes, and goes idle when none has come for a while. Every call ends: with the server's status; with UNAVAILABLE and the reason when the
/// channel is in TRANSIENT_FAILURE or its connection was lost; or with DEADLINE_EXCEEDED when its `grpc-timeout` has passed, connecting included, to the end of its stream. A call that no
/// server has seen is sent again. Dropping the last clone ends the channel; responses that are still being read are not affected.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
}

/// What the clones of a channel share. Dropping it ends the channel's task.
struct Shared {
    inner: Arc<Inner>,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What calls and the channel's task share.
#[derive(Debug)]
struct Inner {
    target: Target,
    pictures: Pictures,
    board: Board,
    totals: Arc<Totals>,
    transport: Arc<Transport>,
    user_agent: HeaderValue,
    /// A call has found the channel idle.
    wanted: Notify,
    resolve_now: Arc<ResolveNow>,
    ring_size_cap: u32,
}

impl Inner {
    fn wake_if_idle(&self) {
        if self.pictures.now().picture.state == ConnectivityState::Idle {
            self.wanted.notify_one();
        }
    }

    /// Adds what every request has.
    fn complete(&self, headers: &mut HeaderMap) {
        headers.entry(header::USER_AGENT).or_insert_with(|| self.user_agent.clone());
    }
}

impl Channel {
    /// What makes a channel with settings of one's own.
    pub fn builder(target: &Target) -> ChannelBuilder {
        ChannelBuilder::new(target.clone())
    }

    /// A channel with the default settings: plain text, `pick_first`. It connects when the first call comes.
    ///
    /// # Errors
    /// When there is no resolver for the target's scheme.
    pub fn connect_lazy(target: &Target) -> Result<Self, ChannelError> {
        Self::builder(target).build()
    }

    /// What the channel connects to.
    pub fn target(&self) -> &Target {
        &self.shared.inner.target
    }

    /// Connects now, if the channel is idle, instead of when the first call comes.
    pub fn connect(&self) {
        self.shared.inner.wake_if_idle();
    }

    /// Ends the waiting time after failed attempts to connect: what is to be connected is tried again at once, and the name looked up anew. For clients that know that
    /// a server is worth another try; whoever calls this in a loop has to have a pause of its own.
    pub fn reset_connect_backoff(&self) {
        self.shared.inner.transport.backoff_reset.notify_waiters();
        self.shared.inner.resolve_now.want();
    }

    /// The state of the channel, now and whenever it changes.
    pub fn state(&self) -> watch::Receiver<ConnectivityState> {
        self.shared.inner.pictures.state()
    }

    /// The service config in use.
    pub fn service_config(&self) -> Arc<ServiceConfig> {
        self.shared.inner.pictures.now().config.clone()
    }

    /// What the channel knows at this moment: for logs and for pages that show it.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.inner.board.snapshot(&self.shared.inner)
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Readiness is awaited in `call`, inside the deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move { call::call(&shared.inner, request).await })
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = *self.state().borrow();
        let mut debug = formatter.debug_struct("Channel");
        debug.field("target", &self.target().to_string()).field("state", &state).finish()
    }
}
