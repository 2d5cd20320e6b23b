use wayside_interceptors::metrics::Samples;

use crate::debug::Recent;
use crate::health::Health;
use crate::metrics::{Registry, Watched};

/// What the admin port knows of a server.
#[derive(Clone, Debug)]
pub struct ServerView {
    pub(crate) name: String,
    pub(crate) health: Health,
    pub(crate) registry: Registry,
    /// The last calls; there when the pages that show them were asked for.
    pub(crate) recent: Option<Recent>,
}

impl ServerView {
    pub(crate) fn collect(&self, samples: &mut Samples) {
        self.registry.collect(&self.name, samples);
    }

    pub(crate) fn channels(&self) -> Vec<Watched> {
        self.registry.channels()
    }
}
