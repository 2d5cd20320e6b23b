//! How the services of one server are.

use tokio::sync::watch;

/// The life of a server as its health service tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Not yet ready: NOT_SERVING.
    Starting,
    /// SERVING.
    Serving,
    /// Told to stop: NOT_SERVING.
    Stopping,
    /// Calls have to end: watchers are let go, so that none of them holds up the drain.
    Draining,
}

/// The health of one server. All of its services change in one step, and the server itself (`""`) with them.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    life: watch::Sender<Life>,
    services: &'static [&'static str],
}

impl Health {
    pub(crate) fn new(services: &'static [&'static str]) -> Self {
        Self { life: watch::Sender::new(Life::Starting), services }
    }

    pub(crate) fn set(&self, life: Life) {
        self.life.send_replace(life);
    }

    pub(crate) fn is_serving(&self) -> bool {
        *self.life.borrow() == Life::Serving
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Life> {
        self.life.subscribe()
    }

    pub(super) fn knows(&self, service: &str) -> bool {
        self.names().any(|name| name == service)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.services.iter().copied().chain([""])
    }
}
