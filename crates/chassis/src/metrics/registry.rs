use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wayside_interceptors::metrics::{Samples, Source};

use super::Watched;

/// Everything of a server that has numbers to tell. A clone is the same registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry(Arc<Mutex<Registered>>);

#[derive(Debug, Default)]
struct Registered {
    sources: Vec<Arc<dyn Source>>,
    channels: Vec<Watched>,
}

impl Registry {
    /// Has the numbers of a source told.
    pub(crate) fn add(&self, source: impl Source) {
        self.registered().sources.push(Arc::new(source));
    }

    /// Has the numbers of a channel told, and the channel shown.
    pub(crate) fn add_channel(&self, channel: Watched) {
        self.registered().channels.push(channel);
    }

    /// Every channel.
    pub(crate) fn channels(&self) -> Vec<Watched> {
        self.registered().channels.clone()
    }

    /// Tells everything as it is now, as that of `server`.
    pub(crate) fn collect(&self, server: &str, samples: &mut Samples) {
        // Not under the lock: a source may be slow, and must be free to register another one.
        let (sources, channels) = {
            let registered = self.registered();
            (registered.sources.clone(), registered.channels.clone())
        };
        let mut samples = samples.within([("server", server)]);
        sources.iter().for_each(|source| source.collect(&mut samples));
        channels.iter().for_each(|channel| channel.collect(&mut samples));
    }

    fn registered(&self) -> MutexGuard<'_, Registered> {
        // A push is made in one step, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
