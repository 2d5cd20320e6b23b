//! The life of a subchannel, as types: each state can do what is possible in it, and becomes the next.
//!
//! ```text
//!          connect()            SETTINGS
//!   Idle ────────────► Connecting ────────────► Ready
//!    ▲                     │                      │
//!    │ backoff passed      │ failed               │ last connection ended
//!    ├──────────── TransientFailure ◄─────────────┤ … before any call was answered
//!    └────────────────────────────────────────────┘
//! ```
//!
//! Source: grpc/grpc `doc/connectivity-semantics-and-api.md` and `doc/connection-backoff.md`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::ready::Ready;
use super::{Pool, Subchannel, SubchannelId, SubchannelState};
use crate::backoff::Backoff;
use crate::status::chain;
use crate::transport::{Opened, Transport};

/// What a subchannel's task works with.
pub(crate) struct Context {
    pub(crate) subchannel: Arc<Subchannel>,
    pub(crate) transport: Arc<Transport>,
    pub(crate) pool: Pool,
    /// The service whose health counts, if any does. Source: gRFC A17.
    pub(crate) health_service: Option<Arc<str>>,
    /// Where its states go.
    pub(crate) states: mpsc::Sender<(SubchannelId, SubchannelState)>,
}

impl Context {
    /// Tells the policy, and whoever looks at the subchannel.
    pub(super) async fn report(&self, state: SubchannelState) {
        self.subchannel.state.store(Arc::new((state.clone(), Instant::now())));
        // Nobody listens when the channel is gone; then this task is about to go as well.
        let _ = self.states.send((self.subchannel.id, state)).await;
    }

    /// Tries to connect once.
    pub(super) fn open(&self) -> impl Future<Output = Result<Opened, Arc<str>>> + Send + 'static {
        let (subchannel, transport) = (self.subchannel.clone(), self.transport.clone());
        async move {
            subchannel.counts.attempts.fetch_add(1, Ordering::Relaxed);
            // One that panics, perhaps in a connector of somebody's own, has failed, so that it is tried again.
            let opening = transport.open(&subchannel.address, &subchannel.authority);
            let opened = AssertUnwindSafe(opening).catch_unwind().await;
            match opened.unwrap_or_else(|_| Err("connecting panicked".into())) {
                Ok(opened) => {
                    subchannel.totals.connected.fetch_add(1, Ordering::Relaxed);
                    Ok(opened)
                }
                Err(error) => {
                    subchannel.counts.failed_attempts.fetch_add(1, Ordering::Relaxed);
                    subchannel.totals.connections_failed.fetch_add(1, Ordering::Relaxed);
                    Err(format!("{}: {}", subchannel.address, chain(&*error)).into())
                }
            }
        }
    }
}

/// Runs a subchannel until it is aborted.
pub(crate) async fn run(context: Context) {
    let mut idle = Idle { context, backoff: Backoff::new() };
    loop {
        let failed = match idle.wanted().await.connect().await {
            Ok(ready) => ready.serve().await,
            Err(failed) => Err(failed),
        };
        idle = match failed {
            Ok(idle) => idle,
            Err(failed) => failed.back_off().await,
        };
    }
}

/// No connection, and none wanted.
pub(super) struct Idle {
    pub(super) context: Context,
    pub(super) backoff: Backoff,
}

/// An attempt is under way.
struct Connecting {
    context: Context,
    backoff: Backoff,
}

/// An attempt has failed; the next may be made when the backoff has passed.
pub(super) struct TransientFailure {
    pub(super) context: Context,
    pub(super) backoff: Backoff,
    /// When the attempt began: the backoff is counted from there.
    pub(super) began: Instant,
    pub(super) why: Arc<str>,
}

impl Idle {
    async fn wanted(self) -> Connecting {
        while !self.context.subchannel.take_connect() {
            self.context.subchannel.changed.notified().await;
        }
        Connecting { context: self.context, backoff: self.backoff }
    }
}

impl Connecting {
    async fn connect(self) -> Result<Ready, TransientFailure> {
        let Self { context, backoff } = self;
        context.report(SubchannelState::Connecting).await;
        let began = Instant::now();
        match context.open().await {
            Ok(opened) => Ok(Ready::new(context, backoff, opened)),
            Err(why) => Err(TransientFailure { context, backoff, began, why }),
        }
    }
}

impl TransientFailure {
    async fn back_off(mut self) -> Idle {
        self.context.report(SubchannelState::TransientFailure(self.why)).await;
        tokio::select! {
            () = sleep_until(self.began + self.backoff.delay()) => {}
            () = self.context.transport.backoff_reset.notified() => self.backoff = Backoff::new(),
        }
        self.context.report(SubchannelState::Idle).await;
        Idle { context: self.context, backoff: self.backoff }
    }
}
