//! What calls see of their channel at this moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};
use tonic::Status;

use crate::policy::{Picture, Queueing};
use crate::{ConnectivityState, ServiceConfig};

/// A picker and the service config that goes with it; replaced as a whole.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) picture: Picture,
    pub(super) config: Arc<ServiceConfig>,
}

/// The current picker, and the calls that wait for the next.
#[derive(Debug)]
pub(super) struct Pictures {
    current: ArcSwap<Current>,
    changed: Notify,
    waiting: AtomicUsize,
    max_waiting: usize,
    state: watch::Sender<ConnectivityState>,
}

impl Pictures {
    pub(super) fn new(config: Arc<ServiceConfig>, max_waiting: usize) -> Self {
        let picture = Picture { state: ConnectivityState::Idle, picker: Arc::new(Queueing) };
        Self {
            current: ArcSwap::from_pointee(Current { picture, config }),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            max_waiting,
            state: watch::Sender::new(ConnectivityState::Idle),
        }
    }

    pub(super) fn now(&self) -> Guard<Arc<Current>> {
        self.current.load()
    }

    pub(super) fn state(&self) -> watch::Receiver<ConnectivityState> {
        self.state.subscribe()
    }

    /// Shows calls another picture, and wakes those that waited for one.
    pub(super) fn show(&self, picture: Picture, config: Arc<ServiceConfig>) {
        let state = picture.state;
        self.current.store(Arc::new(Current { picture, config }));
        self.changed.notify_waiters();
        self.state.send_if_modified(|last| std::mem::replace(last, state) != state);
    }

    /// Completes when another picture is shown. Enable it, then look, then wait.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Counts a call that has to wait.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when as many calls wait as may.
    pub(super) fn wait(&self) -> Result<Waiting<'_>, Status> {
        let waiting = Waiting(self);
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.max_waiting {
            return Ok(waiting);
        }
        Err(Status::resource_exhausted(format!(
            "{} calls already wait for a connection, which is as many as may (max_waiting_calls)",
            self.max_waiting
        )))
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Pictures);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
